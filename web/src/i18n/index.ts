/** Texts, numbers and times in the language of the page. */
export * from './language.svelte';
