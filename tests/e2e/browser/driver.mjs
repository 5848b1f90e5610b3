/* A headless Chromium, told what to do by lines of JSON on standard input: {"call": name, "args": [..]}.
 * Each is answered by one on standard output: {"value": ..} or {"error": text}. It ends with its input.
 *
 *     node driver.mjs CHROMIUM
 *
 * Playwright is looked for in node_modules/ beside this file's own copy. */
import {createInterface} from 'node:readline';

import {chromium} from 'playwright-core';

/* As long as other tests wait: see http_client.py. */
const TIMEOUT_MS = 60000;

const browser = await chromium.launch({
  executablePath: process.argv[2],
  /* Root, as which CI runs, has no sandbox; nothing but the server under test is to be asked. */
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-proxy-server',
         '--disable-background-networking', '--disable-component-update'],
});
const pages = [];

/* Each page is in a context of its own: another person's browser, with connections of its own. */
async function open(url) {
  /* Without a graphics card each frame of an animation is work for the processor. */
  const context = await browser.newContext({reducedMotion: 'reduce'});
  const page = await context.newPage();
  page.setDefaultTimeout(TIMEOUT_MS);
  page.faults = [];
  page.on('pageerror', error => page.faults.push(String(error)));
  page.on('dialog', dialog => {
    page.faults.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.goto(url, {waitUntil: 'domcontentloaded'});
  return pages.push(page) - 1;
}

const calls = {
  open,
  close: page => pages[page].context().close(),
  fill: (page, selector, text) => pages[page].fill(selector, text),
  /* Waits until it can be clicked. */
  click: (page, selector) => pages[page].click(selector),
  evaluate: (page, expression) => pages[page].evaluate(expression),
  /* Waits until @expression is true; its value. */
  wait: async (page, expression) => (await pages[page].waitForFunction(expression)).jsonValue(),
  /* What no page should have: errors that no script caught, dialogs. */
  faults: page => pages[page].faults,
};

for await (const line of createInterface({input: process.stdin})) {
  const {call, args} = JSON.parse(line);
  let answer;
  try {
    answer = {value: await calls[call](...args) ?? null};
  } catch (error) {
    answer = {error: String(error)};
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
await browser.close();
