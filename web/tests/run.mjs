// `npm run page`: every test of the page in Chromium. Words on the command line choose tests by their names.

import { run } from './browser.mjs';
import city from './city.mjs';
import drill from './drill.mjs';
import views from './views.mjs';

process.exitCode = (await run([...city, ...views, ...drill])) ? 0 : 1;
