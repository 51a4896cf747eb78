"""Figures that cities publish, and rulings on them: the rules and their plain model keep both."""

from __future__ import annotations

# A base and its ratios: both parts rounded to the yuan each, and the whole in the other roundings.
MONTHLY = [
    (8765_43, (1200, 1200), (1052_00, 1052_00), 2103_70, 2104_00, 2103_00),
    (1770_00, (500, 500), (89_00, 89_00), 177_00, 177_00, 177_00),
    (25737_00, (1200, 1200), (3088_00, 3088_00), 6176_88, 6177_00, 6176_00),
    (26023_00, (1200, 1200), (3123_00, 3123_00), 6245_52, 6246_00, 6245_00),
    (6210_00, (800, 800), (497_00, 497_00), 993_60, 994_00, 993_00),
    (5432_10, (1000, 700), (543_00, 380_00), 923_46, 923_00, 923_00),
]
# A typed monthly amount and its ratios: both parts, and the base that it stands for.
TYPED = [
    (2104_00, (1200, 1200), (1052_00, 1052_00), 8766_67),
    (1001_00, (500, 500), (501_00, 500_00), 10010_00),
    (1700_00, (1000, 700), (1000_00, 700_00), 10000_00),
    (1000_00, (1000, 700), (588_00, 412_00), 5882_35),  # Ruling 2.
]
