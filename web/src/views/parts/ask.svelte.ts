/** Asking the server again and again while a view is open, and what there is to say when it does not answer. */
import { t } from '../../i18n';
import { ApiError, get } from '../../lib/api';

/** Why something has no answer, as a sentence in the language of the page; the server's own words where it said any. */
export function why(thrown: unknown): string {
  if (!(thrown instanceof ApiError)) return thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown.status === 0) return t('error.offline');
  if (thrown.status === 401 || thrown.status === 403) return t('error.denied', { detail: thrown.detail });
  return thrown.detail || t('error.status', { status: String(thrown.status) });
}

/** What was answered last, and whether the last question failed. */
export class Asked<T> {
  data: T | null = $state.raw(null);
  error: string | null = $state(null);
  /** When `data` came [Unix ms]. */
  at_ms: number | null = $state(null);
  /** Asks again now. */
  again: () => void = () => {};
}

/** What failed is asked again after so long [ms]. */
const RETRY_MS = 5_000;

/**
 * Asks for a path as long as the component lives: at once, whenever the path changes, every `every_ms` while the page is seen, and a few
 * seconds after it failed. What was answered stays while a question fails, and goes when the path changes. Called while a component is made.
 */
export function asking<T>(path: () => string | null, every_ms: number | null, took?: (data: T) => void): Asked<T> {
  const asked = new Asked<T>();
  let before: string | null = null;
  $effect(() => {
    const of = path();
    if (of !== before) {
      asked.data = null;
      asked.error = null;
      asked.at_ms = null;
      before = of;
    }
    const gone = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let under_way = false;
    const once = async () => {
      clearTimeout(timer);
      if (of === null || gone.signal.aborted || under_way) return;
      if (!document.hidden) {
        under_way = true;
        try {
          const data = await get<T>(of, gone.signal);
          if (gone.signal.aborted) return;
          asked.data = data;
          asked.error = null;
          asked.at_ms = Date.now();
          took?.(data);
        } catch (thrown) {
          if (gone.signal.aborted) return;
          asked.error = why(thrown);
        } finally {
          under_way = false;
        }
      }
      const wait = asked.error === null ? every_ms : Math.min(every_ms ?? RETRY_MS, RETRY_MS);
      if (wait !== null) timer = setTimeout(once, wait);
    };
    const seen = () => {
      if (!document.hidden) void once();
    };
    asked.again = () => void once();
    void once();
    document.addEventListener('visibilitychange', seen);
    addEventListener('online', seen);
    return () => {
      gone.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
      removeEventListener('online', seen);
    };
  });
  return asked;
}

/** A list out of an answer: the list itself, or the items of a page. */
export function listed<T>(answer: unknown): T[] {
  if (Array.isArray(answer)) return answer as T[];
  const items = answer && typeof answer === 'object' ? (answer as { items?: unknown }).items : null;
  return Array.isArray(items) ? (items as T[]) : [];
}
