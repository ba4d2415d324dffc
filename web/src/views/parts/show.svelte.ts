/** Showing a place on the live map, from a view beside it. */
import { go } from '../../lib/route.svelte';
import { view } from '../../live/view.svelte';

/** Opens the map at a place [°]; the map is moved as soon as it is there. */
export function showOnMap(lon: number, lat: number): void {
  go('live');
  const stop = $effect.root(() => {
    $effect(() => {
      if (!view.stage) return;
      view.stage.fly(lon, lat);
      queueMicrotask(() => stop());
    });
  });
}
