import { describe, expect, it } from 'vitest';
import { closely, critical, type Indicator, moved, preset, read, ROLES, toggled } from './arrangement';

const indicator = (name: string, group: string, value: number | null = 1): Indicator => ({
  name, group, value, unit: '', says: `What ${name} is.`, at_ms: 0, source: 'stores',
});
const all = [
  ...['speed_mean', 'roads_congested', 'flow', 'travel_time'].map((name) => indicator(name, 'traffic')),
  ...['calls_open', 'response_mean', 'units_busy'].map((name) => indicator(name, 'emergency')),
  ...['messages_behind', 'message_rate', 'quarantined'].map((name) => indicator(name, 'pipeline')),
  ...['no2', 'pm2_5'].map((name) => indicator(name, 'air')),
  ...Array.from({ length: 40 }, (_, i) => indicator(`other_${i}`, 'other')),
];

describe('a preset', () => {
  it('begins with what matters to the role and is not longer than a board', () => {
    for (const role of ROLES) {
      const board = preset(role, all);
      expect(board.shown.length).toBe(16);
      expect(new Set(board.shown).size).toBe(16);
    }
    expect(preset('engineer', all).shown.slice(0, 3)).toEqual(['messages_behind', 'quarantined', 'message_rate']);
    expect(preset('operator', all).shown[0]).toBe('calls_open');
    expect(preset('planner', all).shown).toContain('no2');
  });

  it('shows all there are where they are few, known ones first', () => {
    const few = [indicator('speed_empty', 'traffic', null), indicator('speed_known', 'traffic')];
    expect(preset('planner', few).shown).toEqual(['speed_known', 'speed_empty']);
    expect(preset('planner', []).shown).toEqual([]);
  });

  it('follows closely what is critical', () => {
    expect(critical(indicator('calls_open', 'emergency'))).toBe(true);
    expect(critical(indicator('no2', 'air'))).toBe(false);
    expect(preset('operator', all).close).toContain('calls_open');
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
