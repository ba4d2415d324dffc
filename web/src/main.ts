import { mount } from 'svelte';
import './lib/twin';
import './app.css';
import App from './App.svelte';

const target = document.getElementById('page');
if (target) {
  target.replaceChildren();
  mount(App, { target });
}
