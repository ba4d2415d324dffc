import { describe, expect, it } from 'vitest';
import { complete, named, read, readTime, saying, understood, usage, VERBS, verbs } from './command';
import type { View } from './types';

const MAY = ['assign', 'divert', 'stand-down', 'direct', 'declare', 'say'];
const view = (may = MAY): View =>
  ({
    role: 'dispatcher', title: 'Dispatcher', may, sees: ['calls', 'units', 'hospitals'],
    drill: { time_s: 27_300, t_s: 300, length_s: 3600, people: { dispatcher: ['Ada'], controller: ['Grace'] }, bots: ['press'] },
    messages: [{ message: 4, time_s: 1, from: 'x', by: 'phone', text: 'y', acknowledged_s: null }],
    declared: [], said: [],
    calls: [{ call: 3 }, { call: 12 }],
    units: [
      { unit: 'A1', free: true, call: null }, { unit: 'A11', free: true, call: null },
      { unit: 'Medic North 2', free: false, call: 12 }, { unit: 'Medic South 2', free: true, call: null },
    ],
    hospitals: [{ hospital: 'General Hospital' }, { hospital: 'St Anne Hospital' }],
    injects: [{ inject: 'I-01' }, { inject: 'I-02' }],
    objectives: [{ objective: 'O-1' }],
  }) as unknown as View;

describe('a line', () => {
  const action = (line: string, may?: string[]) => {
    const found = read(line, view(may));
    return understood(found) && found.kind === 'act' ? found.action : found;
  };

  it('sends a unit, with names that hold spaces and in few letters', () => {
    expect(action('assign A1 3')).toEqual({ do: 'assign', unit: 'A1', call: 3 });
    expect(action('/ASSIGN a11 to 12')).toEqual({ do: 'assign', unit: 'A11', call: 12 });
    expect(action('as medic north 2 3')).toEqual({ do: 'assign', unit: 'Medic North 2', call: 3 });
    expect(action('send south 3')).toEqual({ do: 'assign', unit: 'Medic South 2', call: 3 });
    expect(action('send Medic N 3')).toMatchObject({ key: 'drill.command.unknown_unit' });
  });

  it('knows that a unit would be taken from a call', () => {
    expect(read('divert medic north 2 3', view())).toMatchObject({ divert: 12 });
    expect(read('assign A1 3', view())).toMatchObject({ divert: undefined });
  });

  it('names a hospital, declares, takes note and speaks', () => {
    expect(action('direct A1 st anne')).toEqual({ do: 'direct', unit: 'A1', hospital: 'St Anne Hospital' });
    expect(action('direct A1 general hospital')).toEqual({ do: 'direct', unit: 'A1', hospital: 'General Hospital' });
    expect(action('direct A1 hospital')).toMatchObject({ key: 'drill.command.unknown_hospital' });
    expect(action('declare Major incident')).toEqual({ do: 'declare', what: 'major-incident' });
    expect(action('ack 4')).toEqual({ do: 'acknowledge', message: 4 });
    expect(action('say controller We need  more units.')).toEqual({ do: 'say', to: 'controller', text: 'We need more units.' });
    expect(action('stand-down A1')).toEqual({ do: 'stand-down', unit: 'A1' });
  });

  it('says what is wrong', () => {
    for (const [line, key] of [
      ['', 'empty'], ['fly A1', 'unknown'], ['assign A1', 'no_call'], ['assign A1 99', 'unknown_call'], ['assign B7 3', 'unknown_unit'],
      ['say nobody hello', 'unknown_role'], ['say controller', 'say_what'], ['ack 9', 'unknown_message'], ['declare', 'declare_what'],
      [`declare ${'x'.repeat(41)}`, 'declare_what'], ['call 7', 'unknown_call'],
    ]) {
      expect(read(line!, view()), line).toMatchObject({ key: `drill.command.${key}` });
    }
  });

  it('is understood only where the role may do it', () => {
    expect(read('pause', view())).toMatchObject({ key: 'drill.command.unknown' });
    expect(read('assign A1 3', view(['clock']))).toMatchObject({ key: 'drill.command.unknown' });
    expect(verbs(view([])).map((verb) => verb.words[0])).toEqual(['ack', 'note', 'call']);
  });

  it('drives a drill', () => {
    const may = ['clock', 'rewind', 'inject', 'rate'];
    expect(read('pause', view(may))).toEqual({ kind: 'clock', order: 'pause' });
    expect(read('speed 2,5', view(may))).toEqual({ kind: 'clock', order: { speed: 2.5 } });
    expect(read('speed fastest', view(may))).toEqual({ kind: 'clock', order: { speed: null } });
    expect(read('speed 0', view(may))).toMatchObject({ key: 'drill.command.no_speed' });
    expect(read('step 10', view(may))).toEqual({ kind: 'clock', order: { step: 10 } });
    expect(read('deliver i-02', view(may))).toEqual({ kind: 'act', action: { do: 'deliver', inject: 'I-02' } });
    expect(read('rate o-1 s slow at first', view(may))).toMatchObject({ action: { objective: 'O-1', rating: 'S', note: 'slow at first' } });
    expect(read('rate o-1 X', view(may))).toMatchObject({ key: 'drill.command.rate_how' });
    expect(read('rewind T+2:30', view(may))).toEqual({ kind: 'rewind', to_s: 27_150 });
  });
});

it('a time is read against the clock of the city, of the drill, or back from now', () => {
  expect(['07:34', '07:34:30', 'T+1:30', 't+0:01:30', 'T+4', '-2'].map((text) => readTime(text, view()))).toEqual([27_240, 27_270, 27_090, 27_090, 27_240, 27_180]);
  expect(['', '7', 'soon', '07:61', '1:2:3:4', 'T+'].map((text) => readTime(text, view()))).toEqual([null, null, null, null, null, null]);
});

it('a time without T+ is the drill’s where the drill has no such time of day', () => {
  expect(['6:00', 'T+6:00', '0:06:00', 'T+0:06:00'].map((text) => readTime(text, view()))).toEqual([27_360, 27_360, 27_360, 27_360]);
  // Half past seven to half past eight is the time of the drill; a time of neither is left to the server.
  expect(['8:15', '7:30', '61:00', '9:00:00'].map((text) => readTime(text, view()))).toEqual([29_700, 27_000, 219_600, 32_400]);
});

it('a name is found by the longest that fits, and not where two would', () => {
  expect(named('A11 3', ['A1', 'A11'])).toEqual({ name: 'A11', rest: '3' });
  expect(named('medic 3', ['Medic North', 'Medic South'])).toBeNull();
  expect(named('', ['A1'])).toBeNull();
  const units = ['ambulance-1-2', 'ambulance-11-2', 'ambulance-2-1'];
  expect(named('1-2 3', units)).toEqual({ name: 'ambulance-1-2', rest: '3' });
  expect(named('AMBULANCE-2-1 12', units)).toEqual({ name: 'ambulance-2-1', rest: '12' });
  expect(named('2 12', units)).toBeNull();
});

it('examples are in names of the drill', () => {
  const [assign] = VERBS;
  expect(usage(assign!, view())).toBe('assign A1 3');
  const units = [{ unit: 'ambulance-1-2' }, { unit: 'ambulance-1-3' }] as View['units'];
  expect(usage(assign!, { ...view(), units })).toBe('assign 2 3');
  expect(usage(assign!, { ...view(), units: undefined })).toBe('assign A1 3');
});

it('whoever speaks is offered the other role, and spared its name where there is only one', () => {
  const say = VERBS.find((verb) => verb.words[0] === 'say')!;
  const two = (role: string): View => ({ ...view(), role, drill: { ...view().drill, people: { dispatcher: ['Ada'], controller: [] }, bots: [] } });
  expect([saying(two('dispatcher')), saying(two('controller')), saying(view())]).toEqual(['say controller ', 'say dispatcher ', 'say ']);
  expect([usage(say, two('dispatcher')), usage(say, two('controller'))]).toEqual(['say controller …', 'say dispatcher …']);
  expect(complete('say ', two('controller'))).toEqual(['say dispatcher']);
});

it('a line is completed word by word', () => {
  expect(complete('as', view())).toEqual(['assign ']);
  expect(complete('assign A', view())).toEqual(['assign A1 ', 'assign A11 ']);
  expect(complete('assign A1 ', view())).toEqual(['assign A1 3', 'assign A1 12']);
  expect(complete('direct A1 s', view())).toEqual(['direct A1 St Anne Hospital']);
  expect(complete('ack ', view())).toEqual(['ack 4']);
  expect(complete('fly ', view())).toEqual([]);
});
