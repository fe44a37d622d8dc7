// A page in Chromium that has the package's browser bundles at its root: what the tests in a browser run on.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import type { Test } from 'tap';
import { tenSteps } from './ten-steps.js';

const executablePath = process.env.RETROMAE_CHROMIUM ?? '/usr/bin/chromium';

/** Why there is no browser here, if there is none. */
export const missing = existsSync(executablePath)
  ? undefined
  : `no browser at ${executablePath}; to have it: install Debian's chromium, or set RETROMAE_CHROMIUM to another one`;

/** The browser that `t` closes at its end. */
export async function openBrowser(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath });
  t.teardown(() => browser.close());
  return browser;
}

/** Headers by which a page is cross-origin isolated, so that its threads may share memory. */
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** `worker.js` trains in a module worker: it gets the threads, and answers with the course or with what went wrong. */
const made: Record<string, string> = {
  '/': '<!doctype html><link rel="icon" href="data:,"><title>retromae</title>',
  '/worker.js': `import * as library from '/index.js';
    onmessage = ({ data }) => (${tenSteps})(library, data).then(postMessage, (error) => postMessage(String(error)));`,
};

/** A page with dist/browser and the above at its root, and the errors that it has met so far. */
export async function openPage(
  t: Test,
  browser: Browser,
  { isolated }: { isolated: boolean },
): Promise<{ page: Page; errors: string[] }> {
  const server = createServer((request, response) => {
    const path = request.url!;
    const type = path === '/' ? 'text/html' : 'text/javascript';
    const headers = { 'Content-Type': `${type}; charset=utf-8`, ...(isolated && isolation) };
    const found = path in made ? Promise.resolve(made[path]) : readFile(join('dist/browser', path));
    void found.then(
      (text) => response.writeHead(200, headers).end(text),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve)));
  const page = await browser.newPage();
  t.teardown(() => page.close());
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text());
  });
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return { page, errors };
}
