/** Driving the sandbox's page. Invariant: only what a person could see or do is used. */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { startBurst } from './sandbox.ts';

const docs = join(import.meta.dirname, '..', '..', '..', 'docs');
/** README's pictures, by the artefacts that they are; written there when README_PICTURES is set. */
const pictures: Readonly<Record<string, string>> = {
  'provisioned-light': 'sandbox',
  'deadline-warning-light': 'deadline',
  'approval-asked-light': 'approval',
  'home-approver-dark': 'app-home',
  'cost-chart-light': 'cost',
  'list-paged-light': 'list',
  'destroy-confirmation-light': 'destroy',
  'audit-light': 'audit',
  'workspace-remove-dark': 'workspaces',
};
const artefacts = join(import.meta.dirname, '..', 'artefacts');
/** What an operation takes at most, in real ms. */
export const OPERATION_MS = 60_000;
const LOOK_MS = 20_000;

/** What axe finds against WCAG 2 A and AA, as `rule: element`. */
export async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa']).analyze();
  return found.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)}`));
}

/** One browser for the file's tests. @throws Error when there is no Chromium. */
export function withBrowser(): () => Browser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
    if (!existsSync(executablePath))
      throw new Error(`There is no Chromium at ${executablePath}. Install it, or name another with CHROMIUM=…`);
    browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-dev-shm-usage'],
    });
  });
  afterAll(async () => {
    await browser?.close();
  });
  return () => {
    if (browser === undefined) throw new Error('the browser has not been started');
    return browser;
  };
}

export type Opened = {
  readonly page: Page;
  readonly composer: Locator;
  readonly log: Locator;
  readonly world: Locator;
  /** Types into the composer and sends with Enter; waits until it was taken. */
  says(text: string): Promise<void>;
  /** Asks for one worker in words; answers its name once it is Ready. */
  provisions(words: string): Promise<string>;
  /** As `provisions`; answers once pods that a drain would move run on it. */
  provisionsBusy(words: string): Promise<string>;
  /** The last message that has all these texts, once there is one. */
  message(...texts: (string | RegExp)[]): Locator;
  dialog(name?: string | RegExp): Locator;
  /** Closes the modal that says this, once it does. */
  closes(text: RegExp): Promise<void>;
  /** What the panel shows of a cluster node. */
  node(name: string | RegExp): Locator;
  /** What the panel shows of a VM. */
  vm(name: string | RegExp): Locator;
  /** Keeps what is seen now, as an artefact. */
  shoot(name: string): Promise<void>;
  /** Keeps what is seen now in both themes as artefacts, and fails on what axe finds in either. */
  surface(name: string): Promise<void>;
  /** Moves the focus there with Tab alone, backwards with Shift. */
  tabTo(target: Locator, key?: 'Tab' | 'Shift+Tab'): Promise<void>;
  /** Moves the sandbox's clock on by so many hours, one by one. */
  passes(hours: number): Promise<void>;
  /** Signs in as another person, by the beginning of their real name. */
  switchUser(name: string): Promise<void>;
};
export type OpenOptions = {
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
};

/** A sandbox of its own and the page on it, in a fresh profile, once the conversation shows. Errors of the page fail the test. */
export async function openSandbox(browser: Browser, options: OpenOptions = {}): Promise<Opened> {
  return openPage(browser, await startBurst(), options);
}

/** As openSandbox, on one that runs already. */
export async function openPage(browser: Browser, url: string, options: OpenOptions = {}): Promise<Opened> {
  const { colorScheme = 'light', width = 1440, height = 900 } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, locale: 'en-GB' });
  context.setDefaultTimeout(LOOK_MS);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (line) => void (line.type() === 'error' && errors.push(line.text())));
  onTestFinished(async ({ task }) => {
    const name = `${task.result?.state === 'fail' ? 'failed-' : 'end-'}${task.name.replace(/[^a-z0-9]+/gi, '-')}`;
    await page.screenshot({ path: join(artefacts, `${name}.png`) });
    await context.close();
    expect(errors).toEqual([]);
  });
  mkdirSync(artefacts, { recursive: true });
  await page.goto(url);
  const composer = page.getByRole('textbox', { name: /^Message / });
  const log = page.getByRole('log', { name: /^Messages in/ });
  await log.waitFor();
  const says: Opened['says'] = async (text) => {
    await composer.fill(text);
    await composer.press('Enter');
    await expect.poll(() => composer.inputValue(), { timeout: LOOK_MS }).toBe('');
  };
  const keep = async (name: string): Promise<void> => {
    const path = join(artefacts, `${name}.png`);
    await page.screenshot({ path, animations: 'disabled' });
    const picture = pictures[name];
    if (picture !== undefined && process.env['README_PICTURES'] !== undefined)
      copyFileSync(path, join(docs, `${picture}.png`));
  };
  const message: Opened['message'] = (...texts) =>
    texts.reduce((found, hasText) => found.filter({ hasText }), log.getByRole('article')).last();
  const world = page.getByRole('complementary', { name: 'Outside world' });
  const section = (name: string): Locator => world.getByRole('region', { name });
  const node: Opened['node'] = (hasText) => section('Kubernetes nodes').locator('.nodes > li').filter({ hasText });
  const provisions: Opened['provisions'] = async (words) => {
    await says(`/burst provision ${words}`);
    const done = message(/asked to provision/, '1 of 1 ready');
    await done.waitFor({ timeout: OPERATION_MS });
    const name = /burst-[a-z]+-[a-z0-9]+/.exec(await done.innerText())?.[0];
    if (name === undefined) throw new Error('the finished message names no worker');
    return name;
  };
  return {
    page,
    composer,
    log,
    world,
    says,
    provisions,
    async provisionsBusy(words) {
      const name = await provisions(words);
      const pod = node(name).getByText(/Running · Deployment/);
      await pod.first().waitFor({ timeout: OPERATION_MS });
      return name;
    },
    message,
    dialog: (name) => page.getByRole('dialog', name === undefined ? {} : { name }),
    async closes(hasText) {
      const dialog = page.getByRole('dialog').filter({ hasText });
      await dialog.getByRole('button', { name: 'Close', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
    },
    node,
    vm: (hasText) => section('Proxmox VMs').getByRole('listitem').filter({ hasText }),
    shoot: keep,
    async surface(name) {
      const was = await page.locator('html').getAttribute('data-theme');
      for (const theme of ['light', 'dark']) {
        await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`);
        await keep(`${name}-${theme}`);
        expect(await violations(page), `${name} in ${theme}`).toEqual([]);
      }
      await page.evaluate(`document.documentElement.dataset.theme = '${was ?? 'light'}'`);
    },
    async tabTo(target, key = 'Tab') {
      const focused = target.and(page.locator(':focus'));
      for (let presses = 0; presses < 120 && (await focused.count()) === 0; presses++) await page.keyboard.press(key);
      expect(await focused.count(), 'it cannot be reached with Tab').toBe(1);
    },
    async passes(hours) {
      const hour = world.getByRole('button', { name: '+1 h' });
      for (let passed = 0; passed < hours; passed++) {
        await hour.click();
        await world.getByText('One hour has passed.').waitFor();
      }
    },
    async switchUser(name) {
      const box = page.getByLabel('Switch user');
      const labels = await box.locator('option').allTextContents();
      const label = labels.find((option) => option.startsWith(name));
      if (label === undefined) throw new Error(`nobody is called ${name}: ${labels.join(', ')}`);
      await box.selectOption({ label });
      await log.waitFor();
    },
  };
}
