// What happens in the invented drill, who plays, and what is trained. Every role is told what it sees and may do what it may, as in a drill's file.

/** When the players begin, and how long they play [s]. */
export const BEGIN = 27_000;
export const LENGTH = 1800;

export const ROLES = {
  dispatcher: { title: 'Dispatcher', pin: '2401', seats: 2, sees: ['calls', 'units', 'hospitals'], may: ['assign', 'divert', 'stand-down', 'direct', 'declare', 'say'] },
  controller: {
    title: 'Exercise controller', pin: '9907', seats: 2, sees: ['calls', 'units', 'hospitals', 'injects', 'actions', 'truth'],
    may: ['clock', 'rewind', 'inject', 'rate', 'hand', 'say'],
  },
  observer: { title: 'Observer', pin: '1111', seats: 5, sees: ['calls', 'units'], may: ['say'] },
  press: { title: 'Press', pin: null, seats: 0, sees: [], may: [] },
};

export const INJECTS = [
  { inject: 'I-01', at: 20, kind: 'event', from: 'Road authority', to: 'dispatcher', by: 'cad', text: 'Old Bridge is blocked in both directions by a fallen crane. Units have to go round by North Road.', objective: 'O-1', close: ['r4', 'r5'], expect: { what: 'acknowledge', words: 'take note of the message within 2 min', within: 120 } },
  { inject: 'I-02', at: 75, kind: 'event', from: 'Caller', to: 'dispatcher', by: 'phone', text: 'A bus and a lorry have collided at Station Road. Many people are hurt, at least twelve.', objective: 'O-1', calls: ['C1', 'C2', 'C2', 'C3'], expect: { what: 'assign', units: 3, words: 'send 3 units within 4 min', within: 240 } },
  { inject: 'I-03', at: 150, kind: 'event', from: 'Caller', to: null, by: 'phone', text: 'A man has collapsed in Market Lane and does not breathe.', objective: 'O-2', calls: ['C1'], expect: { what: 'divert', words: 'divert a unit within 3 min', within: 180 } },
  { inject: 'I-04', at: 240, kind: 'informational', from: 'General Hospital', to: 'dispatcher', by: 'phone', text: 'Our emergency department is full. Please take further patients to St Anne.', objective: 'O-2', bays: 1, expect: { what: 'direct', words: 'direct a unit to St Anne Hospital within 5 min', within: 300 } },
  { inject: 'I-05', at: 420, kind: 'contingency', from: 'Duty officer', to: 'dispatcher', by: 'radio', text: 'Has a major incident been declared?', objective: 'O-3', unless: 'declare', expect: { what: 'declare', words: 'declare major-incident within 2 min', within: 120 } },
  { inject: 'I-06', at: 600, kind: 'media', from: 'Aller Radio', to: 'dispatcher', by: 'media', text: 'Our reporters hear of dozens of injured. Can you confirm that?', objective: 'O-3', expect: { what: 'say', words: 'tell Exercise controller within 4 min', within: 240 } },
];
export const OBJECTIVES = [
  { objective: 'O-1', capability: 'Operational coordination', text: 'Send the right units within the standard when a road is blocked.' },
  { objective: 'O-2', capability: 'Public health and medical services', text: 'Spread patients over hospitals before one of them is full.' },
  { objective: 'O-3', capability: null, text: 'Recognise and declare a major incident.' },
];
