// The map's own style: land, water, parks and roads in quiet colours, so that what happens on them stands out. Made from what the
// server sends, without tiles, glyphs or sprites from elsewhere.

import type { ExpressionSpecification, LineLayerSpecification, Map as LibreMap, StyleSpecification } from 'maplibre-gl';
import type { FeatureCollection } from 'geojson';
import type { Theme } from '../lib/theme.svelte';

interface Colours {
  land: string;
  water: string;
  park: string;
  quarter: string;
  casing: string;
  roads: [string, string, string, string, string];
}

const COLOURS: Record<Theme, Colours> = {
  dark: {
    land: '#0d1218',
    water: '#10283a',
    park: '#12221c',
    quarter: '#2c3946',
    casing: '#080b0f',
    roads: ['#2a3642', '#32404d', '#3a4a59', '#445768', '#506678'],
  },
  light: {
    land: '#eef0ec',
    water: '#bcd9ea',
    park: '#d5e6cd',
    quarter: '#b9c0c4',
    casing: '#cbd2d4',
    roads: ['#ffffff', '#ffffff', '#ffffff', '#fdf6e3', '#fbeccb'],
  },
};

const NOTHING: FeatureCollection = { type: 'FeatureCollection', features: [] };
/** Width of a lane [m]. */
const LANE = 3.2;

/** Pixels of a metre at a zoom, at a latitude. */
function metre(zoom: number, lat: number): number {
  return (512 * 2 ** zoom) / (40_075_016.686 * Math.cos((lat * Math.PI) / 180));
}

/** Width of a road by lanes and importance: never thinner than can be seen, and from near as wide as it is. */
function width(lat: number, more: number): ExpressionSpecification {
  const real = (zoom: number): ExpressionSpecification => ['*', ['get', 'lanes'], LANE * metre(zoom, lat)];
  const least = (base: number, step: number): ExpressionSpecification => ['+', base, ['*', step, ['get', 'class']]];
  const at = (zoom: number, base: number, step: number): ExpressionSpecification => ['+', more, ['max', least(base, step), real(zoom)]];
  return [
    'interpolate',
    ['exponential', 2],
    ['zoom'],
    10,
    at(10, 0.4, 0.35),
    13,
    at(13, 1, 0.6),
    15,
    at(15, 1.6, 0.9),
    17,
    at(17, 4, 1),
    22,
    ['+', more, real(22)],
  ];
}

/** The style; roads and places are put into its sources when they have come. */
export function styleOf(theme: Theme, lat: number): StyleSpecification {
  const colours = COLOURS[theme];
  const road: ExpressionSpecification = [
    'match',
    ['get', 'class'],
    4,
    colours.roads[4],
    3,
    colours.roads[3],
    2,
    colours.roads[2],
    1,
    colours.roads[1],
    colours.roads[0],
  ];
  const line: LineLayerSpecification['layout'] = { 'line-cap': 'round', 'line-join': 'round', 'line-sort-key': ['get', 'class'] };
  return {
    version: 8,
    sources: {
      places: { type: 'geojson', data: NOTHING },
      roads: { type: 'geojson', data: NOTHING, tolerance: 0.25, buffer: 64 },
      junctions: { type: 'geojson', data: NOTHING },
    },
    layers: [
      { id: 'land', type: 'background', paint: { 'background-color': colours.land } },
      { id: 'parks', type: 'fill', source: 'places', filter: ['==', ['get', 'kind'], 'park'], paint: { 'fill-color': colours.park, 'fill-antialias': true } },
      { id: 'water', type: 'fill', source: 'places', filter: ['==', ['get', 'kind'], 'water'], paint: { 'fill-color': colours.water } },
      {
        id: 'casing',
        type: 'line',
        source: 'roads',
        minzoom: 14,
        layout: { 'line-cap': 'round', 'line-join': 'round' },
        paint: { 'line-color': colours.casing, 'line-width': width(lat, 2) },
      },
      { id: 'junctions', type: 'fill', source: 'junctions', minzoom: 14.5, paint: { 'fill-color': road } },
      { id: 'streets', type: 'line', source: 'roads', filter: ['<', ['get', 'class'], 2], layout: line, paint: { 'line-color': road, 'line-width': width(lat, 0) } },
      { id: 'main', type: 'line', source: 'roads', filter: ['>=', ['get', 'class'], 2], layout: line, paint: { 'line-color': road, 'line-width': width(lat, 0) } },
    ],
  };
}

type Property = Parameters<LibreMap['setPaintProperty']>[1];

/** Changes the colours of a map that is there: a new style would load it anew. */
export function recolour(map: LibreMap, theme: Theme): void {
  for (const layer of styleOf(theme, 0).layers) {
    for (const [property, value] of Object.entries(layer.paint ?? {})) {
      if (property.endsWith('-color')) map.setPaintProperty(layer.id, property as Property, value);
    }
  }
}
