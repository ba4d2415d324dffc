import { describe, expect, it } from 'vitest';
import { closely, critical, type Indicator, moved, preset, read, ROLES, toggled } from './arrangement';

const indicator = (name: string, group: string, value: number | null = 1): Indicator => ({
  name, group, value, unit: '', says: `What ${name} is.`, at_ms: 0, source: 'stores',
});
const all = ['emergencies.calls_open', 'pipeline.behind', 'pipeline.late', 'air.no2', 'alerts.unseen'].map((name) => indicator(name, name.split('.')[0]!));

describe('a preset', () => {
  it('begins with what matters to the role of what there is, in its order', () => {
    expect(preset('engineer', all).shown).toEqual(['pipeline.behind', 'pipeline.late']);
    expect(preset('operator', all).shown).toEqual(['emergencies.calls_open', 'alerts.unseen']);
    expect(preset('planner', all).shown).toEqual(['air.no2']);
  });

  it('shows the first ones of a server that has others, and nothing of one that has none', () => {
    const others = Array.from({ length: 40 }, (_, i) => indicator(`other.${i}`, 'other'));
    for (const role of ROLES) expect(preset(role, others).shown).toEqual(others.slice(0, 16).map((one) => one.name));
    expect(preset('planner', []).shown).toEqual([]);
  });

  it('follows closely what is critical', () => {
    expect(all.filter(critical).map((one) => one.name)).toEqual(['emergencies.calls_open', 'pipeline.behind', 'alerts.unseen']);
    expect(preset('engineer', all).close).toEqual(['pipeline.behind']);
  });
});

describe('arranging', () => {
  const board = { role: 'planner' as const, shown: ['a', 'b', 'c'], close: ['b'] };

  it('moves within the ends', () => {
    expect(moved(board, 'a', 1).shown).toEqual(['b', 'a', 'c']);
    expect(moved(board, 'a', 99).shown).toEqual(['b', 'c', 'a']);
    expect(moved(board, 'c', -5).shown).toEqual(['c', 'a', 'b']);
    expect(moved(board, 'nobody', 0)).toEqual(board);
  });

  it('adds, removes and follows closely, both ways', () => {
    expect(toggled(toggled(board, 'd'), 'a').shown).toEqual(['b', 'c', 'd']);
    expect(closely(closely(board, 'a'), 'b').close).toEqual(['a']);
  });

  it('reads back what was kept, and nothing else', () => {
    const kept = JSON.stringify({ shown: ['a', 'a', 3, 'b'], close: [] });
    expect(read(kept, 'planner')).toEqual({ role: 'planner', shown: ['a', 'b'], close: [] });
    for (const wrong of [null, '', '[]', '{', '{"shown":"a","close":[]}', 'null']) expect(read(wrong, 'planner')).toBeNull();
  });
});
