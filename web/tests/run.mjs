// `npm run page`: every test of the page in Chromium. Words on the command line choose tests by their names.

import { run } from './browser.mjs';
import city from './city.mjs';
import delay from './delay.mjs';
import drill from './drill.mjs';
import numbers from './numbers.mjs';
import views from './views.mjs';

process.exitCode = (await run([...city, ...views, ...delay, ...numbers, ...drill])) ? 0 : 1;
