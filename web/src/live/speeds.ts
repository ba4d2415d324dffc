/** City seconds for a second on the wall that may be chosen. */
export const SPEEDS = [0.5, 1, 2, 5, 10, 20, 30, 60];
