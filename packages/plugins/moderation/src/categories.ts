/** One of the risks that GB/T 45654-2025 lists in its annex A. */
export interface Category {
  /** What entries and rules name it by. */
  readonly id: string;
  /** In Chinese, as the standard groups it. */
  readonly zh: string;
  /** Fewest entries that a list should have for it; 0 where the standard names no number. */
  readonly leastEntries: number;
}

const category =
  (leastEntries: number) =>
  (line: string): Category => {
    const [id = '', zh = ''] = line.split(' ');
    return { id, zh, leastEntries };
  };

/**
 * The 31 risks of GB/T 45654-2025, annex A, as data: names to put words under. The words are yours. The wording of the
 * names is ours; check it against the standard.
 */
export const CATEGORIES: readonly Category[] = [
  ...[
    'a1-subversion 煽动颠覆国家政权',
    'a1-security 危害国家安全',
    'a1-image 损害国家形象',
    'a1-secession 煽动分裂国家',
    'a1-stability 破坏国家统一和社会稳定',
    'a1-terrorism 宣扬恐怖主义极端主义',
    'a1-ethnic-hatred 宣扬民族仇恨',
    'a1-violence-obscenity 宣扬暴力淫秽色情',
  ].map(category(200)),
  ...[
    'a2-ethnicity 民族歧视',
    'a2-belief 信仰歧视',
    'a2-nationality 国别歧视',
    'a2-region 地域歧视',
    'a2-gender 性别歧视',
    'a2-age 年龄歧视',
    'a2-occupation 职业歧视',
    'a2-health 健康歧视',
    'a2-other 其他歧视',
  ].map(category(100)),
  ...[
    'a3-intellectual-property 侵犯知识产权',
    'a3-business-ethics 违反商业道德',
    'a3-trade-secrets 泄露商业秘密',
    'a3-monopoly 垄断和不正当竞争',
    'a3-other 其他商业违法违规',
    'a4-health 危害他人身心健康',
    'a4-portrait 侵害肖像权',
    'a4-reputation 侵害名誉权',
    'a4-honour 侵害荣誉权',
    'a4-privacy 侵害隐私权',
    'a4-personal-information 侵害个人信息权益',
    'a4-other 侵害其他合法权益',
    'a5-inaccurate 内容不准确',
    'a5-unreliable 内容不可靠',
  ].map(category(0)),
];

/** Which categories have fewer entries than the standard names. */
export function shortCategories(counts: Readonly<Record<string, number>>): readonly Category[] {
  return CATEGORIES.filter(({ id, leastEntries }) => (counts[id] ?? 0) < leastEntries);
}
