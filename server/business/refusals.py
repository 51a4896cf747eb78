"""Every refusal and failure a person can see: its code, its words, and what to do next.

Client and server both read this one catalogue; nothing builds such a sentence anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    ERROR = "error"  # blocks the submission
    HINT = "hint"  # is shown, and does not block


@dataclass(frozen=True, slots=True)
class Refusal:
    """``text`` and ``next_step`` are templates over the facts named in braces; ``solved_by`` is the
    code of the business that helps, if an operator can do it."""

    text: str
    next_step: str
    level: Level = Level.ERROR
    status: int = 422  # the HTTP status when a whole request is refused with it
    solved_by: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal at its place. ``row`` counts from 0 in the submitted rows; None is the whole batch.
    ``carries`` are the texts with which the business that solves it begins, by key."""

    code: str
    text: str
    next_step: str = ""
    key: str = ""
    row: int | None = None
    level: Level = Level.ERROR
    carries: Mapping[str, str] = field(default_factory=dict, hash=False)


# Who says it, by the longest beginning of its code that stands here.
AREAS = {
    "V": "填写的内容",
    "G": "保存和提交",
    "K": "个人账户设立",
    "F": "个人封存",
    "Q": "个人启封",
    "J": "基数和比例变更",
    "Z": "个人转移",
    "H": "汇缴",
    "Y": "预缴",
    "B": "补缴",
    "B1": "银行",
    "U": "登记信息和手机号变更",
    "R": "单位缴存情况证明",
    "C": "证书 Key",
    "L": "登录和密码",
    "P": "打印",
    "S": "电子表格文件",
    "S20": "剪贴板",
    "S21": "本机草稿和密钥环",
    "S22": "本机草稿和密钥环",
    "S23": "本机草稿和密钥环",
    "S24": "本机草稿和密钥环",
    "N": "网络和服务器",
    "W": "桌面程序",
    "E": "中心柜台",
    "E21": "查询",
    "M": "中心的参数和结息",
    "D": "中心的数据库",
    "T": "中心的用户和复核",
    "": "其他",
}

REFUSALS: dict[str, Refusal] = {
    # --- What a cell can be (V: value) ---
    "V01": Refusal("{label}不能为空", "请填写{label}"),
    "V02": Refusal("{label}“{found}”不是有效的金额", "请填写数字，最多两位小数，例如 1234.50"),
    "V03": Refusal("{label}“{found}”不是有效的年月", "请按 2026-07 的格式填写"),
    "V04": Refusal("{label}“{found}”不是有效的日期", "请按 2026-07-01 的格式填写"),
    "V05": Refusal("{label}“{found}”不在可选项中", "请从 {choices} 中选择"),
    "V06": Refusal("{label}过长，最多 {limit} 个字符", "请缩短后重填"),
    "V07": Refusal("手机号码应为 11 位，以 1 开头", "请核对手机号码"),
    "V08": Refusal("个人账号应为 12 位数字", "请用模糊查询选择人员"),
    "V09": Refusal("{label}以数字存储，已丢失精度", "请在表格中把该列设为文本后重新录入全部数字"),
    "V10": Refusal("{label}“{found}”不是有效的比例", "请填写百分数，例如 12%"),
    "V13": Refusal("银行卡号有误", "请填写 16–19 位借记卡号，或留空"),
    "V14": Refusal("{label}含有不能保存的字符", "请删除该栏内容后重新录入"),
    "V15": Refusal("{label}“{found}”可能是 1 月，也可能是 10 月", "请按 2026-10 的格式填写"),
    "V16": Refusal("{label}在合并的单元格中，看不出每个人的金额", "请逐人填写{label}"),
    "V17": Refusal("{label}在文件中是没有结果或出错的公式", "请核对文件，填写{label}"),
    "V12": Refusal("一次最多 {limit} 行", "请分批办理"),
    "V20": Refusal("{label}“{found}”不是有效的单位账号", "请核对 12 位单位账号"),
    "V21": Refusal("{label}“{found}”校验不符", "请核对营业执照或登记证上的 18 位代码"),
    "V22": Refusal("{label}“{found}”格式不符", "请填写{expected}"),
    "V23": Refusal("{label}不是可读的证书", "请选择 PEM 或 DER 格式的证书文件"),
    # --- Any business (domain 4.5) ---
    "G01": Refusal("单位账户状态为{status}，不能办理", "请到中心柜台处理单位账户状态"),
    "G02": Refusal("有扣款中的缴款业务 {serial}", "请等待该笔缴款完结后再办理"),
    "G03": Refusal("该账号不在本单位", "请用模糊查询选择本单位人员"),
    "G04": Refusal("该个人账户已销户", "请从名单中删除该行"),
    "G07": Refusal("与第 {other} 行重复", "请删除其中一行"),
    "G08": Refusal("数据已被他人修改，请刷新", "请重新打开该业务单，核对后再提交", status=409),
    "G10": Refusal(
        "业务单中没有人员",
        "请先添加人员",
    ),
    "G11": Refusal("业务单已提交，不能再改", "请在查询中查看办理结果", status=409),
    "G12": Refusal("同一提交编号的内容不同", "请刷新后重新提交", status=409),
    "G13": Refusal("找不到该业务单", "请刷新列表；它可能已被删除", status=404),
    "G14": Refusal(
        "有 {count} 处需要更正",
        "按 F8 逐处查看并更正",
    ),
    "G15": Refusal("没有可以提交的行", "请先更正错误的行"),
    "G16": Refusal(
        "{label}与该职工登记的不符{known}", "请核对是否选错了人；确认人员无误，请清空{label}"
    ),
    "G17": Refusal("{label}太晚，最晚为 {high}", "请核对年份，填写 {high} 或以前的年月"),
    # --- 个人账户设立 (domain 4.6) ---
    "K01": Refusal("证件号码有误：{why}", "请核对证件原件后更正"),
    "K02": Refusal("{label}与证件号码不一致，应为{expected}", "请更正，或清空由系统填写"),
    "K03A": Refusal("本单位已为该证件号码开户", "请从名单中删除该行"),
    "K03B": Refusal("该职工已在本单位封存", "请办理个人启封", solved_by="unsealing"),
    "K04A": Refusal("该职工在其他单位的账户已封存", "请办理个人转移", solved_by="transfer"),
    "K04B": Refusal("该职工在其他单位正常缴存", "请原单位先办理封存，再办理个人转移"),
    "K05": Refusal("该证件号码的账户已销户", "请到中心柜台办理再次开户，沿用原个人账号"),
    "K06": Refusal("该证件号码已登记为其他姓名", "请到中心柜台核实身份"),
    "K07": Refusal("手机号码已被他人使用", "请核对；确认无误可以提交", level=Level.HINT),
    "K08": Refusal("缴存基数应在 {low} 至 {high} 之间", "请填写该区间内的缴存基数"),
    "K09": Refusal("起缴年月应在 {low} 至 {high} 之间", "请填写该区间内的年月"),
    "K10A": Refusal("年龄不满 16 周岁", "不能开户，请核对证件号码"),
    "K10B": Refusal("已达到法定退休年龄", "请核对；确认无误可以提交", level=Level.HINT),
    "K11": Refusal(
        "姓名“{found}”含有空格、数字或不可用的字符", "请按证件上的姓名填写，间隔号用“·”"
    ),
    "K11H": Refusal("姓名两字之间的空格已去除", "请核对姓名", level=Level.HINT),
    # --- 封存、启封 (domain 4.7, 4.8) ---
    "F01": Refusal("该职工状态为{status}，不能封存", "请从名单中删除该行"),
    "F02": Refusal("封存年月应晚于缴至年月 {paid}", "该月已缴；如属错缴请到柜台办理错缴更正"),
    "F04": Refusal("封存年月不能早于起缴年月 {starts}", "请填写 {starts} 或以后的年月"),
    "Q01": Refusal("该职工状态为{status}，不能启封", "请从名单中删除该行"),
    "Q03": Refusal(
        "该职工因{reason}封存，不能启封", "请核对是否选错了人；封存原因有误的，请到中心柜台核实"
    ),
    "Q02": Refusal("启封年月应晚于缴至年月 {paid}", "请填写 {low} 或以后的年月"),
    "Q06": Refusal("启封年月不能早于封存年月 {sealed}", "请填写 {sealed} 或以后的年月"),
    # --- 缴存基数变更、单位比例变更 (domain 4.9) ---
    "J01": Refusal(
        "该职工状态为{status}，不能变更基数",
        "封存的职工可在办理个人启封时填写新的基数",
        solved_by="unsealing",
    ),
    "J02": Refusal("与变更前相同", "请填写新的月缴存额或基数，或从名单中删除该行"),
    "J03": Refusal("{label}应在 {low} 至 {high} 之间", "请填写该区间内的{label}"),
    "J04": Refusal("{year} 的调整年度内每人最多变更 {limit} 次基数", "如需更正请到中心柜台办理"),
    "J05": Refusal(
        "单位已定于 {decided} 变更比例，尚未生效",
        "请填写 {decided} 或以后的年月；更早的变更请到中心柜台办理",
    ),
    "J06": Refusal(
        "生效年月应在 {low} 至 {high} 之间，{paid} 及以前已汇缴", "请填写 {low} 或以后的年月"
    ),
    "J07": Refusal(
        "生效年月不能早于该职工现行月缴存额的起始年月 {starts}", "请填写 {starts} 或以后的年月"
    ),
    "J08": Refusal(
        "月缴存额与缴存基数不符，按该基数应为 {expected}", "请只填其中一项，另一项由系统算出"
    ),
    "J09": Refusal("月缴存额应为 {step} 元的整数倍", "请更正月缴存额"),
    "J11": Refusal("{label}应在 {low} 至 {high} 之间，且为 {step} 的整数倍", "请更正{label}"),
    "J12": Refusal(
        "{label}不能低于现行的 {today}", "下调比例须经职工代表大会讨论通过，请到中心柜台办理"
    ),
    "J13": Refusal("比例与现行的相同", "请填写新的比例"),
    "J14": Refusal(
        "{year} 的调整年度内已变更过比例", "比例每个调整年度变更一次；如需更正请到中心柜台办理"
    ),
    "J15": Refusal(
        "变更后有 {count} 人的月缴存额超出上下限",
        "请在试算中查看这些职工，再为他们办理缴存基数变更",
        level=Level.HINT,
    ),
    # --- 个人转移 (domain 4.10: T01–T04; T is the teller's here) ---
    "Z01A": Refusal("转出单位账号不存在或已销户", "请核对转出单位账号"),
    "Z01B": Refusal(
        "转出单位不能是本单位", "请填写职工原单位的账号；本单位封存的职工请办理个人启封"
    ),
    "Z02A": Refusal(
        "在转出单位没有可以转移的该职工",
        "请核对转出单位账号，以及完整的个人账号或证件号码；已在本单位封存的职工请办理个人启封",
    ),
    "Z02B": Refusal("该职工在转出单位尚未封存", "请转出单位先办理个人封存"),
    "Z03": Refusal("起缴年月应为 {low} 或以后", "请填写 {low} 或以后的年月"),
    "Z04": Refusal("该个人账户已冻结，不能转移", "请到中心柜台咨询"),
    "Z05": Refusal("转出单位有正在办理的缴款业务", "请稍后再提交"),
    "Z06": Refusal("该职工在转出单位还有应缴未缴的月份", "请转出单位先汇缴到封存年月以前"),
    "Z07": Refusal(
        "今日已查询他单位职工 {limit} 人，不能再查", "请次日再办理，或到中心柜台办理", status=429
    ),
    "Z08": Refusal(
        "请输入完整的个人账号或证件号码", "个人账号为 12 位数字，居民身份证号码为 18 位"
    ),
    "Z09": Refusal("年终结息正在进行，暂不能转移", "请在结息完成后再提交", status=409),
    # --- 汇缴、预缴 (domain 4.11, 4.13) ---
    "H01": Refusal("终止年月应在 {low} 至 {high} 之间", "请重新填写终止年月"),
    "H01A": Refusal("已缴至 {paid}，没有到期未缴的月份", "请在 {low} 起办理"),
    "H03": Refusal("应缴金额为 0，没有需要汇缴的职工", "如单位已无职工，请到柜台办理单位封存"),
    "H04": Refusal(
        "有一笔汇缴尚未完结",
        "请等待该笔汇缴完结",
    ),
    "H05": Refusal(
        "单位未签约缴存银行账户，不能实时结算",
        "请到中心柜台办理单位缴存银行账户签约，或改用预缴转出",
    ),
    "H06": Refusal("预缴余额 {balance} 元不足，还差 {short} 元", "请先办理预缴，或改用实时结算"),
    "H07": Refusal("混合缴款方式未开放", "请改用实时结算或预缴转出"),
    "H10": Refusal("单位在缓缴期内，不能汇缴", "缓缴结束后再汇缴；缓缴的月份请办理补缴"),
    "H13": Refusal("金额已变为 {now} 元，与确认时的 {seen} 元不同", "请核对后重新提交"),
    "Y01": Refusal(
        "单位未签约缴存银行账户，不能预缴",
        "请到中心柜台办理单位缴存银行账户签约，再到银行办理扣款签约",
    ),
    "Y02": Refusal("预缴金额应大于 0，不超过 {limit} 元", "请重新填写金额"),
    "Y03": Refusal("有一笔预缴正在扣款", "请等待该笔预缴完结"),
    # --- 补缴 (domain 4.12) ---
    "B01": Refusal(
        "补缴年月应在 {low} 至 {high} 之间，开始不晚于截止", "请更正年月；未缴到的月份请办理汇缴"
    ),
    "B02": Refusal("{month} 已有该职工的汇缴或全额补缴", "请改选漏缴的月份，或改用差额补缴"),
    "B03A": Refusal("{month} 没有该职工的汇缴，不能补差额", "请改用全额补缴，或核对年月"),
    "B03B": Refusal("{month} 已缴 {paid} 元，加上补缴超过上限 {limit} 元", "请减少月补缴金额"),
    "B04": Refusal("月补缴金额应大于 0，且为 {step} 元的整数倍", "请更正月补缴金额"),
    "B07": Refusal("一次最多补缴 {limit} 个月", "请缩短年月，或到中心柜台办理"),
    "B08A": Refusal(
        "单位未签约缴存银行账户，不能实时结算",
        "请到中心柜台办理单位缴存银行账户签约，或改用预缴户转出",
    ),
    "B08B": Refusal("预缴余额 {balance} 元不足，还差 {short} 元", "请先办理预缴，或改用实时结算"),
    # --- What is registered of a unit and its people (U; domain 4.0) ---
    "U01": Refusal("没有变更任何内容", "请在右侧填写要变更的项目"),
    "U02": Refusal("{label}不能在网厅变更", "请到中心柜台办理"),
    "U03": Refusal("新手机号码与现在的相同", "请核对新手机号码"),
    "U04": Refusal("今天的办理次数已用完", "请明天再办，或由职工本人到中心柜台办理"),
    # --- 单位缴存情况证明 (R: what is certified; domain 10.4) ---
    "R01": Refusal("{latest} 以后的年月还没有缴存", "请填写 {latest} 或以前的年月"),
    "R02": Refusal("单位从 {opened} 起缴存", "请填写 {opened} 或以后的年月"),
    "R03": Refusal("起始年月 {first} 晚于终止年月 {last}", "请更正起止年月"),
    "R04": Refusal("一份证明最多 {limit} 个月", "请缩短年月，分成几份办理"),
    "R05": Refusal("{first} 至 {last} 没有缴存记录", "请核对年月；尚未汇缴的，请在汇缴后办理"),
    # --- The counter (E: errors put right, C1-C3) ---
    "E01": Refusal("金额应大于 0", "请重新填写金额"),
    "E02": Refusal(
        "{month} 该职工已缴 {paid} 元，更正金额应大于 0 且不超过已缴", "请核对年月和金额"
    ),
    "E03": Refusal("个人余额 {balance} 元不足以退回", "请核对；余额不足不能更正"),
    "E04": Refusal("{month} 该职工已更正过一次", "同一人同一月只能更正一次"),
    "E05": Refusal("该业务不是当前营业日的业务", "请改用错缴更正"),
    "E06": Refusal("已有后续业务依赖该业务：{what}", "请先冲正后续业务，或改用错缴更正"),
    "E07": Refusal("该业务已冲正", "同一业务只能冲正一次", status=409),
    "E08": Refusal("{what}不能冲正", "请办理相反的业务，或改用错缴更正"),
    "E09": Refusal("预缴户余额不足，款项已被使用", "请先冲正使用该款项的业务"),
    "E10": Refusal("缓缴最长 {limit} 个月，且不能与已有的缓缴重叠", "请核对起止年月"),
    "E11": Refusal("缓缴只能从未汇缴的月份 {low} 起", "请核对起始年月"),
    "E12": Refusal("单位没有正在执行的缓缴", "请核对单位账号"),
    "E13": Refusal("没有这笔暂收款", "请核对银行流水号", status=404),
    "E14": Refusal("该笔暂收款已处理", "请刷新暂收款列表", status=409),
    "E15": Refusal("没有这笔退款", "请核对单位账号和退款流水号，见未付退款列表", status=404),
    "E16": Refusal("该笔退款{what}", "请刷新未付退款列表", status=409),
    "E20": Refusal("金额不能为 0", "请填写金额；红字冲销填负数"),
    "E21": Refusal("起始日期 {first} 晚于截止日期 {last}", "请更正起止日期"),
    # --- The bank (domain 9) ---
    "B10": Refusal("银行扣款失败：{reason}", "请核对签约账户后重新提交；本次没有扣款"),
    "B12": Refusal("读不到银行 {day} 的账户明细：{reason}", "请稍后再对账", status=503),
    "B13": Refusal("对账从 {first} 开始，不能对更早的一天", "请改用 {first} 或以后的日期"),
    "B15": Refusal("最近一次对账没有发现银行缺少该笔", "请先对账，或办理冲正", status=409),
    "B14": Refusal("不是银行现在签发的通知：{why}", "请银行按约定签名后重新发送", status=401),
    # --- Parameters and the yearly settlement (M: what the centre sets; domain 5, 13) ---
    "M01": Refusal("没有“{name}”这个参数", "请从参数清单中选择", status=404),
    "M02": Refusal(
        "{label}不能从 {day} 起改变：{gone} 以前的业务已按原值计算",
        "请填写 {today} 或以后的日期",
        status=409,
    ),
    "M03": Refusal("{label}应{bounds}", "请核对后重新填写"),
    "M04": Refusal(
        "{day} 起{low_label}（{low}）将大于{high_label}（{high}）",
        "请先改变另一个，或改用其他生效日期",
    ),
    "M05": Refusal("{label}不分县市设定“{scope}”", "请去掉县市，或填写六位县市代码"),
    "M06": Refusal("{label}有误：{why}", "请按“01 名称；02 名称”的格式填写全部代码"),
    "M07": Refusal("{year} 年度还不能结息", "请在 {day} 日终以后办理", status=409),
    "M08": Refusal(
        "{earlier} 年度尚未结息，{year} 年度的利息不能计算",
        "请先办理 {earlier} 年度结息",
        status=409,
    ),
    "M09": Refusal(
        "{month} 还不能计提利息：{why}", "请在该月最后一天或以后按月依次计提", status=409
    ),
    "M10": Refusal("{label}应为 {step} 的整数倍", "请核对后重新填写"),
    # --- The embedded database (D) ---
    "D01": Refusal("数据库目录 {folder} 正由另一个程序使用", "请先停止该程序，或换一个目录"),
    "D02": Refusal(
        "数据库目录 {folder} 属于 PostgreSQL {found}，本程序使用 {expected}",
        "请换一个目录，或用原版本导出后再导入",
    ),
    "D03": Refusal(
        "系统用户 {user} 不能进入目录 {folder}", "请把数据库放在其他目录，或放开该目录的进入权限"
    ),
    "D04": Refusal("数据库在 {seconds} 秒内没有就绪", "请查看日志 {log}"),
    "D05": Refusal("数据库启动失败：{why}", "请查看日志 {log}"),
    "D06": Refusal("数据库在 {seconds} 秒内没有停止", "请查看日志 {log}"),
    "D07": Refusal(
        "数据库不能以 root 身份运行，也没有可用的普通系统用户", "请指定一个普通系统用户"
    ),
    "D08": Refusal("数据库密码文件 {file} 不见了", "请从备份恢复该文件，或换一个目录"),
    # --- Login and the certificate key (L, C) ---
    "C01": Refusal(
        "智能卡服务没有运行",
        "请启动智能卡服务（Windows：Smart Card；Linux：pcscd），启动后自动继续",
    ),
    "C02": Refusal("没有找到证书 Key", "请插入证书 Key"),
    "C03": Refusal("读卡器中没有证书 Key", "请插入证书 Key"),
    "C04": Refusal("证书 Key 无法读取", "请拔下后重新插入"),
    "C05": Refusal("不支持该证书 Key（{reader}）", "请换用单位的证书 Key，或向发证机构咨询"),
    "C06": Refusal("证书 Key 正被其他程序占用", "请关闭正在使用证书 Key 的程序后重试"),
    "C07": Refusal("证书 Key 已拔出，密码没有发送", "请重新插入证书 Key"),
    "C08": Refusal("证书 Key 在使用中被拔出", "请重新插入证书 Key，再输入密码"),
    "C09": Refusal("密码错误，还可以输入 {left} 次", "请重新输入；次数用完后证书 Key 将被锁定"),
    "C10": Refusal("只剩最后 1 次机会", "密码再错证书 Key 将被锁定；确认密码无误后再继续"),
    "C11": Refusal("密码没有被接受", "请核对密码后重新输入"),
    "C12": Refusal("证书 Key 已锁定", "请携带证书 Key 到发证机构解锁"),
    "C13": Refusal("证书 Key 中没有证书", "请向发证机构咨询"),
    "C14": Refusal("证书已于 {until} 过期", "请到发证机构办理证书更新"),
    "C15": Refusal("证书自 {since} 起才有效", "请核对电脑日期；日期无误请在生效后使用"),
    "C16": Refusal("该证书只能用于加密，不能登录", "请选择签名证书"),
    "C17": Refusal("不支持该证书的算法", "请到发证机构更换证书"),
    "C18": Refusal("插入的是另一个证书 Key", "请重新选择证书，再输入密码"),
    "C19": Refusal("证书 Key 被其他程序重置", "请再次输入密码"),
    "C20": Refusal("智能卡服务已重新启动", "请再次输入密码"),
    "C21": Refusal("证书 Key 在 {seconds} 秒内没有答复", "请拔下后重新插入再试"),
    "C22": Refusal("已取消", "需要时请重新操作"),
    "C23": Refusal("证书 Key 中的密钥与证书不符", "请到发证机构检查证书 Key"),
    "C24": Refusal("密码应为 6 至 8 位数字", "请核对后重新输入；本次没有发送"),
    "L01": Refusal("登录请求已失效", "请再次点击登录", status=401),
    "L02": Refusal(
        "证书签名验证未通过", "请重新登录；如仍不行请到发证机构检查证书 Key", status=401
    ),
    "L03": Refusal("证书不是本中心认可的机构签发的", "请换用中心认可的证书 Key", status=401),
    "L04": Refusal("证书不在有效期内", "请到发证机构办理证书更新", status=401),
    "L05": Refusal("证书已被吊销", "请到发证机构办理新证书", status=401),
    "L06": Refusal("证书没有绑定到单位", "请到中心柜台办理证书绑定", status=403),
    "L07": Refusal("经办人已停用", "请到中心柜台恢复经办人，或由其他经办人登录", status=403),
    "L08": Refusal("登录尝试过多", "请在 {seconds} 秒后再试", status=429),
    "L09": Refusal("证书或签名的算法不被接受", "请到发证机构更换证书", status=401),
    "L10": Refusal(
        "连接的不是本中心的服务器", "请检查网络和服务器地址；不要再次输入密码", status=401
    ),
    "L11": Refusal("证书 Key 已拔出，会话已锁定", "请插入证书 Key 并输入密码", status=401),
    "L12": Refusal("暂时无法确认证书是否被吊销", "请稍后再试；如持续出现请联系中心", status=503),
    "L13": Refusal("这不是登录时使用的证书", "请用原证书 Key，或重新登录", status=401),
    "L14": Refusal("该操作需要证书 Key 签名确认", "请插入登录时的证书 Key 并输入密码", status=403),
    "L15": Refusal("该证书不能用于登录", "请选择签名证书", status=401),
    "L16": Refusal("该证书已绑定", "请先解除原来的绑定", status=409),
    "L17": Refusal("单位账号或密码不正确", "请核对后重新输入；连续错误后须等待", status=401),
    "L18": Refusal("图片验证码不正确或已失效", "请按新的图片重新输入"),
    "L19": Refusal("短信验证码不正确或已失效", "请核对；过期、多次输错或已使用的须重新获取"),
    "L20": Refusal("短信验证码获取过于频繁", "请在 {seconds} 秒后再获取", status=429),
    "L21": Refusal(
        "该手机号码今日的验证码已达 {limit} 条", "请明日再试，或到中心柜台办理", status=429
    ),
    "L22": Refusal("密码不符合要求：{why}", "请另设密码"),
    "L23": Refusal(
        "单位信息与中心登记的不一致，或短信验证码不正确",
        "请核对后重试；登记有变动的，请先到中心柜台变更",
    ),
    "L24": Refusal("该单位已注册", "请用单位账号和密码登录；忘记密码的请办理密码重置", status=409),
    "L25": Refusal("该单位尚未注册", "请先办理单位注册", status=409),
    "L26": Refusal("原密码不正确", "请核对后重新输入；连续错误后须等待"),
    "L27": Refusal("两次输入的密码不一致", "请重新输入两次新密码"),
    "L28": Refusal(
        "本单位今日获取的短信验证码已达 {limit} 条", "请明日再试，或到中心柜台办理", status=429
    ),
    # --- The centre's counter and its staff (T: teller) ---
    "T01": Refusal("用户名或密码不正确", "请核对后重新输入；连续错误后须等待", status=401),
    "T02": Refusal("须先修改密码", "请用“修改密码”设置自己的密码", status=403),
    "T03": Refusal("密码不符合要求：{why}", "请另设密码"),
    "T04": Refusal("{role}不能办理“{label}”", "请由{roles}办理", status=403),
    "T05": Refusal("录入和复核不能是同一人", "请由另一人复核", status=403),
    "T06": Refusal("该笔{state}", "请刷新待复核列表", status=409),
    "T07": Refusal("该用户名已有人使用", "请换一个用户名", status=409),
    "T08": Refusal("没有这个用户", "请核对用户名", status=404),
    "T09": Refusal("该单位已开户，单位账号 {unit}", "请核对统一社会信用代码", status=409),
    "T10": Refusal("{label}应在 {low} 至 {high} 之间", "请核对后重新填写"),
    "T11": Refusal("该银行账户已签约", "请核对银行账号", status=409),
    "T12": Refusal("该银行账户没有签约，或已解约", "请核对银行账号", status=404),
    "T13": Refusal("有一笔从该账户的扣款尚未完结", "请等待该笔扣款完结后再办理", status=409),
    "T14": Refusal("没有这个经办人", "请核对单位账号和经办人编号", status=404),
    "T15": Refusal("生产环境的营业日只能由日终推进", "请办理日终", status=403),
    "T16": Refusal("营业日只能向前，现为 {now}", "请填写以后的日期"),
    "T17": Refusal("该支票已入账", "请核对支票号；如已入错请先冲正", status=409),
    # --- Printing (P) ---
    "P01": Refusal("打印机“{printer}”缺纸", "请装好纸；已送的作业会继续打印"),
    "P02": Refusal(
        "打印机“{printer}”卡纸",
        "请取出卡住的纸，打印机会接着打；没有接着打的，请在系统的打印机设置中恢复",
    ),
    "P03": Refusal("打印机“{printer}”的机盖没有合上", "请合上机盖"),
    "P04": Refusal("打印机“{printer}”没有连上", "请检查打印机电源和连接线"),
    "P05": Refusal(
        "打印机“{printer}”已停止",
        "请在系统的打印机设置中恢复；恢复后未打完的作业从头打印，"
        "已有纸张打出的请先取消打印，再从缺的一张继续",
    ),
    "P06": Refusal("打印机“{printer}”不接收作业", "请在系统的打印机设置中允许接收，或换一台打印机"),
    "P07": Refusal("找不到打印机“{printer}”", "请在设置中为该单据重新选择打印机"),
    "P08": Refusal(
        "打印服务没有运行", "请启动打印服务（Windows：Print Spooler；Linux：CUPS）后重试"
    ),
    "P09": Refusal("打印机“{printer}”需要人工处理", "请查看打印机面板上的提示"),
    "P10": Refusal("打印机没有完成该作业", "请核对纸张后重新打印；回单会注明补打次数"),
    "P11": Refusal("打印作业已被取消", "请核对已出的纸张，再从缺的一张继续"),
    "P12": Refusal("没有选择打印机", "请在设置中为该单据选择打印机"),
    "P13": Refusal("文件不是有效的 PDF", "请重新下载回单后再打印"),
    "P14": Refusal("已停止打印，没有送出的不计打印次数", "需要时选择回单号继续打印"),
    "P15": Refusal("这台电脑没有可以打开 PDF 的程序", "请用“另存为…”保存到文件", level=Level.HINT),
    "P16": Refusal(
        "作业还在打印机“{printer}”的队列里，没有打完",
        "请查看打印机；从缺的一张继续时，会先取消该作业",
    ),
    "P17": Refusal("打印作业暂停了", "打印机会自动重试；一直不动的请取消打印，再从缺的一张继续"),
    "P18": Refusal(
        "前一个作业已经打完，没有重复打印", "请核对纸张，仍有缺损的再继续打印", level=Level.HINT
    ),
    "P19": Refusal("回单刚由另一处登记打印，本次没有送出", "请刷新列表，需要时再打印", status=409),
    # --- Spreadsheets (S) ---
    "S01": Refusal("文件“{file}”打不开，可能已损坏", "请在表格软件中打开并另存为 .xlsx 后再导入"),
    "S02": Refusal("文件“{file}”有打开密码", "请在表格软件中取消密码后再导入"),
    "S03": Refusal(
        "文件“{file}”实际是{found}，不是电子表格", "请在表格软件中打开，另存为 .xlsx 后再导入"
    ),
    "S04": Refusal("文件“{file}”超过 {limit} MB", "请删除图片和无关的工作表，或分成几个文件"),
    "S05": Refusal("工作表“{sheet}”超过 {limit} 行", "请分批导入"),
    "S06": Refusal("工作表“{sheet}”太宽或展开后太大", "请删除无关的列和格式后再导入"),
    "S07": Refusal("读取文件超过 {seconds} 秒，已停止", "请分成几个文件再导入"),
    "S08": Refusal("文件“{file}”中没有数据", "请核对选择的文件"),
    "S09": Refusal("没有找到表头", "请在预览中指定表头所在的行，或使用下载的模板"),
    "S10": Refusal("不支持“{suffix}”文件", "请选择 .xlsx、.xls、.ods 或 .csv 文件"),
    "S11": Refusal(
        "没有导入第 {rows} 行：表头以上的标题", "请核对这些行中没有人员", level=Level.HINT
    ),
    "S12": Refusal(
        "没有导入第 {rows} 行：合计、落款或没有人员", "请核对这些行中没有人员", level=Level.HINT
    ),
    "S13": Refusal(
        "没有导入这些列：{labels}", "如有需要，请在预览中指定对应的栏目", level=Level.HINT
    ),
    "S14": Refusal(
        "文件中没有必填的列：{labels}",
        "请在预览中指定；导入后灰色的默认值可以不填，其余请补上",
        level=Level.HINT,
    ),
    "S15": Refusal("模板版本不同，可能缺少新的栏目", "建议重新下载模板", level=Level.HINT),
    "S16": Refusal("这是“{found}”的模板", "请选择本业务的文件，或到该业务中导入"),
    "S17": Refusal("文件“{file}”的文字编码无法识别", "请另存为 UTF-8 编码的 CSV 或 .xlsx 后再导入"),
    "S18": Refusal("文件“{file}”无法写入", "请关闭正在使用该文件的程序，或换一个位置"),
    "S19": Refusal("文件“{file}”不存在或没有权限读取", "请核对文件位置和权限；其他程序正在使用的，请先关闭"),
    "S20": Refusal("剪贴板内容过大", "请分批复制，或用导入"),
    "S21": Refusal("没有可用的系统密钥环，草稿不会自动保存", "请随时点击保存，把业务单存到服务器"),
    "S22": Refusal("本机草稿无法解密", "草稿已失效，请从服务器打开已保存的业务单"),
    "S23": Refusal("没有可用的系统密钥环，不能记住单位账号", "请每次登录时输入单位账号"),
    "S24": Refusal("本机草稿无法保存", "请检查磁盘空间；请随时点击保存，把业务单存到服务器"),
    "S25": Refusal(
        "这些在文件中是隐藏的，也已导入：{places}", "请核对，不需要的请删除", level=Level.HINT
    ),
    "S26": Refusal(
        "有几列都可能是“{label}”：{places}，没有导入", "请在预览中指定其中一列", level=Level.HINT
    ),
    "S27": Refusal("{label}（{cell}）以{unit}为单位", "请在表格中换算成元，或在预览中不导入该列"),
    "S28": Refusal(
        "没有导入第 {line} 行起的另一张表", "请把它另存为一个文件再导入", level=Level.HINT
    ),
    "S29": Refusal(
        "没有导入其他工作表：{sheets}", "如有需要，请逐个选择工作表导入", level=Level.HINT
    ),
    "S30": Refusal(
        "文件“{file}”第 {line} 行的引号没有成对，后面的行被当作它的一部分",
        "请更正该行的引号，或在表格软件中另存为 .xlsx 后再导入",
    ),
    # --- The connection and the request (N) ---
    "N01": Refusal("登录已失效", "请重新登录", status=401),
    "N02": Refusal("请求内容过大，最多 {limit} MB", "请分批办理", status=413),
    "N03": Refusal("请求内容有误：{why}", "请升级客户端后重试", status=400),
    "N04": Refusal("没有找到所查的内容", "请刷新后重试", status=404),
    "N05": Refusal(
        "服务器处理失败，报告编号 {report}", "请稍后重试；如仍失败请把报告编号告诉中心", status=500
    ),
    "N06": Refusal("连接不上服务器", "请检查网络后重试", status=503),
    "N07": Refusal("服务器没有及时答复", "请重试；同一业务单不会重复办理", status=504),
    "N08": Refusal("请求过于频繁", "请稍候 {seconds} 秒再试", status=429),
    "N09": Refusal("服务器忙，请稍候", "请稍后重试；同一业务单不会重复办理", status=503),
    "N10": Refusal(
        "服务器地址应以 https:// 开头", "请在设置中填写中心给出的服务器地址", status=400
    ),
    "N11": Refusal("读不到服务器证书文件", "请在设置中重新选择中心给出的证书文件", status=400),
    "N12": Refusal("服务器的答复无法识别", "请升级客户端；如仍不行请联系中心", status=502),
    "N16": Refusal("共 {count} 行，一次最多打印 {limit} 行", "请缩小查询条件，或导出表格后打印"),
    # --- The desktop program (W: window) ---
    "W01": Refusal(
        "程序出错，报告编号 {report}",
        "已录入的内容不受影响；请重试，如仍出错请把报告编号告诉中心",
        status=500,
    ),
    "W02": Refusal(
        "提交的结果还不知道", "请点“再次确认结果”，不会重复办理；请勿另外新建", status=504
    ),
    "W03": Refusal("设置没有保存", "请检查磁盘空间和文件夹权限后重试", status=500),
    "W04": Refusal("证书 Key 已拔出，窗口已锁定", "请插入登录时的证书 Key 并输入密码", status=401),
    "W05": Refusal(
        "插入的不是登录时的证书 Key", "已退出登录；请用本单位的证书 Key 重新登录", status=401
    ),
    "W06": Refusal("电脑休眠后窗口已锁定", "请重新输入密码", status=401),
    "W07": Refusal("窗口由经办人锁定", "请重新输入密码", status=401),
    "W08": Refusal("长时间没有操作，登录已结束", "请重新输入密码", status=401),
    "W09": Refusal("一次登录的时限已到", "请重新输入密码", status=401),
    "W10": Refusal(
        "密码已修改，本人在所有电脑上的登录都已退出", "请重新登录", level=Level.HINT, status=401
    ),
    "W11": Refusal(
        "本人在所有电脑上的登录都已退出", "需要时请重新登录", level=Level.HINT, status=401
    ),
    "W12": Refusal(
        "证书将于 {until} 到期，还有 {days} 天",
        "请在到期前到发证机构办理证书更新；换了新证书的，再到中心柜台办理绑定",
        level=Level.HINT,
    ),
    "W13": Refusal(
        "证书将于 {until} 到期，只剩 {hours} 小时",
        "请马上到发证机构办理证书更新；过期后不能登录",
        level=Level.HINT,
    ),
    "W14": Refusal(
        "电脑时间比服务器{how}", "请在系统设置中校准电脑的日期和时间，再重新检查", level=Level.HINT
    ),
    "W15": Refusal("服务器证书将于 {until} 到期", "请告知中心", level=Level.HINT),
    "W16": Refusal("客户端与服务器的版本不配套（{own}；{server}）", "请升级客户端"),
    "W17": Refusal("{seconds} 秒内没有检查完", "请稍后按 F5 重新检查；如仍不行请重新启动电脑"),
    "W18": Refusal("正在查询、导出或打印", "请等它完成，或先取消", level=Level.HINT),
    "W19": Refusal("不能按“{label}”排序", "请改按其他列排序", level=Level.HINT),
    "W20": Refusal("本页有未办完的业务单", "请先办完，再把人员带过来", level=Level.HINT),
}


def problem(code: str, key: str = "", row: int | None = None, **facts: object) -> Problem:
    """The catalogue's words for ``code`` with ``facts`` filled in, at its place."""
    return problem_at(code, key, row, facts)


def problem_at(code: str, key: str, row: int | None, facts: Mapping[str, object]) -> Problem:
    refusal = REFUSALS[code]
    text, next_step = refusal.text.format(**facts), refusal.next_step.format(**facts)
    return Problem(code, text, next_step, key, row, refusal.level)


class Refused(Exception):
    """A whole request is refused; ``problems`` holds the rows and cells where they are known,
    ``wait_s`` is how long it will be refused."""

    def __init__(self, reason: Problem, problems: Sequence[Problem] = (), wait_s: int = 0) -> None:
        super().__init__(reason.code)  # Never the words: they may name a person.
        self.reason = reason
        self.problems = problems
        self.wait_s = wait_s

    @property
    def status(self) -> int:
        return REFUSALS[self.reason.code].status


def refused(code: str, problems: Sequence[Problem] = (), **facts: object) -> Refused:
    seconds = facts.get("seconds")
    wait_s = seconds if isinstance(seconds, int) else 0
    return Refused(problem_at(code, "", None, facts), problems, wait_s)
