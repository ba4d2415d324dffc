/** Texts of the frame of the page and of the live map. */
import type { Texts } from './language.svelte';

export const live: Texts = {
  'live.nav': { en: 'Views', de: 'Ansichten' },
  'live.nav.live': { en: 'Map', de: 'Karte' },
  'live.nav.board': { en: 'Board', de: 'Kennzahlen' },
  'live.nav.alerts': { en: 'Alerts', de: 'Meldungen' },
  'live.nav.pipeline': { en: 'Pipeline', de: 'Datenweg' },
  'live.nav.runs': { en: 'Runs', de: 'Läufe' },
  'live.nav.table': { en: 'Table', de: 'Tabelle' },
  'live.skip': { en: 'Skip to the content', de: 'Zum Inhalt springen' },
  'live.theme.dark': { en: 'Dark colours', de: 'Dunkle Farben' },
  'live.theme.light': { en: 'Light colours', de: 'Helle Farben' },
  'live.language': { en: 'Language', de: 'Sprache' },
  'live.link.online': { en: 'Live', de: 'Verbunden' },
  'live.link.connecting': { en: 'Connecting', de: 'Verbinde' },
  'live.link.offline': { en: 'Offline', de: 'Getrennt' },
  'live.offline': {
    en: 'No connection to the server. What you see is from {time}; the page comes back by itself.',
    de: 'Keine Verbindung zum Server. Was Sie sehen, ist von {time}; die Seite verbindet sich von selbst wieder.',
  },
  'live.view.missing': { en: 'There is no such view. Choose one above.', de: 'Diese Ansicht gibt es nicht. Wählen Sie oben eine.' },
  'live.view.failed': { en: 'This view could not be loaded: {why}', de: 'Diese Ansicht konnte nicht geladen werden: {why}' },
  'live.loading': { en: 'Loading', de: 'Lädt' },
  'live.again': { en: 'Try again', de: 'Erneut versuchen' },
  'live.dismiss': { en: 'Dismiss', de: 'Schließen' },
  'live.cancel': { en: 'Cancel', de: 'Abbrechen' },
  'live.map.label': {
    en: 'Map of the city. Arrow keys move it, plus and minus zoom, Return chooses what is in the middle.',
    de: 'Karte der Stadt. Pfeiltasten verschieben sie, Plus und Minus vergrößern und verkleinern, Eingabe wählt, was in der Mitte liegt.',
  },
  'live.map.opening': { en: 'Opening the map', de: 'Die Karte wird geöffnet' },
  'live.map.roads': { en: 'Loading roads', de: 'Straßen werden geladen' },
  'live.map.places': { en: 'Loading places and signals', de: 'Orte und Ampeln werden geladen' },
  'live.map.failed': { en: 'A part of the map could not be loaded. {why}', de: 'Ein Teil der Karte konnte nicht geladen werden. {why}' },
  'live.pick.hint': { en: 'Click a place on a road, or bring it to the middle and press Return.', de: 'Klicken Sie auf eine Straße, oder bringen Sie die Stelle in die Mitte und drücken Sie Eingabe.' },
};
