"""Amounts in Chinese capitals (大写金额), as payment documents must show them."""

DIGITS = "零壹贰叁肆伍陆柒捌玖"
# Value of a unit, its character, and the least remainder that needs no 零 after it.
UNITS = ((10**8, "亿", 10**7), (10**4, "万", 10**3), (1000, "仟", 100), (100, "佰", 10))
FEN_LIMIT = 10**18


def uppercase(fen: int) -> str:
    """1409.50 gives 壹仟肆佰零玖元伍角整. The prefix 人民币 is the caller's; red ones begin 负."""
    assert abs(fen) < FEN_LIMIT
    yuan, cents = divmod(abs(fen), 100)
    whole = f"{_integer(yuan)}元" if yuan else ""
    return ("负" if fen < 0 else "") + (whole + _cents(yuan, cents) or "零元整")


def _integer(number: int) -> str:
    for value, name, bare_from in UNITS:
        if number >= value:
            count, rest = divmod(number, value)
            gap = "零" if 0 < rest < bare_from else ""
            return f"{_integer(count)}{name}{gap}{_integer(rest) if rest else ''}"
    tens, ones = divmod(number, 10)
    return (f"{DIGITS[tens]}拾" if tens else "") + (DIGITS[ones] if ones else "")


def _cents(yuan: int, cents: int) -> str:
    jiao, fen = divmod(cents, 10)
    if not cents:
        return "整" if yuan else ""
    # 支付结算办法: a zero yuan digit before jiao may be written; this project always writes it.
    gap = "零" if yuan and (not jiao or yuan % 10 == 0) else ""
    if not fen:
        return f"{gap}{DIGITS[jiao]}角整"
    return gap + (f"{DIGITS[jiao]}角" if jiao else "") + f"{DIGITS[fen]}分"
