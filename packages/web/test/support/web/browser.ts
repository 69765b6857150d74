/**
 * Debian's chromium or firefox-esr without a window, one for the tests of a file. A page that is
 * opened here is watched: errors of its scripts, violations of its policy, dialogs, and complaints
 * of its console are collected, and fail the test that does not expect them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, expect, onTestFinished } from 'vitest'
import type { FeedState } from '../../../src/page/feed.ts'
import { FakeFeed } from './fake-feed.mjs'
import { FakeWorld } from './fake-world.mjs'
import { launchFirefox } from './firefox.ts'

/** The names of the browsers, which are Debian's packages and programs. */
export const BROWSERS = ['chromium', 'firefox-esr'] as const
export type BrowserName = (typeof BROWSERS)[number]

/** Nothing on a page takes so long; a test that waits for longer has failed. */
const LIMIT_MS = 30_000

export const DESKTOP = { width: 1280, height: 800 }
export const PHONE = { width: 390, height: 844 }

export interface OpenOptions extends BrowserContextOptions {
  /** Runs before the page is loaded. */
  readonly prepare?: (page: Page) => Promise<unknown>
  /** Complaints of its console that do not fail the test. */
  readonly expected?: RegExp
}

export interface BrowserOptions {
  readonly name?: BrowserName
  /** The network namespace in which the browser runs. */
  readonly netns?: () => string
  /** Further arguments of Chromium. */
  readonly args?: readonly string[]
}

export class TestBrowser {
  readonly #name: BrowserName
  readonly #netns: (() => string) | undefined
  readonly #args: readonly string[]
  readonly #pages = new Set<Page>()
  #complaints: string[] = []
  readonly #directory = mkdtempSync(join(tmpdir(), 'vnet-browser-'))
  #browser: Promise<Browser> | undefined

  /** Starts with the first page. */
  constructor({ name = 'chromium', netns, args = [] }: BrowserOptions = {}) {
    this.#name = name
    this.#netns = netns
    this.#args = args
    afterEach(() => this.#closePages())
    afterAll(async () => {
      await (await this.#browser)?.close()
      rmSync(this.#directory, { recursive: true })
    })
  }

  /** Opens an address as a visitor without a past. */
  async open(address: string, { prepare, expected, ...options }: OpenOptions = {}): Promise<Page> {
    this.#browser ??= this.#launch()
    const context = await (await this.#browser).newContext({ viewport: DESKTOP, ...options })
    context.setDefaultTimeout(LIMIT_MS)
    const page = await context.newPage()
    this.#pages.add(page)
    const complain = (text: string) => {
      if (expected?.test(text) !== true) {
        this.#complaints.push(text)
      }
    }
    page.on('pageerror', error => complain(`${error.stack ?? error}`))
    page.on('console', message => {
      if (['error', 'warning'].includes(message.type())) {
        complain(message.text())
      }
    })
    page.on('dialog', dialog => {
      complain(`dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
    await prepare?.(page)
    await page.goto(address)
    return page
  }

  async #closePages(): Promise<void> {
    const [pages, complaints] = [[...this.#pages], this.#complaints]
    this.#pages.clear()
    this.#complaints = []
    await Promise.all(pages.map(page => page.context().close()))
    expect(complaints).toEqual([])
  }

  #launch(): Promise<Browser> {
    const executablePath = this.#program()
    if (this.#name === 'firefox-esr') return launchFirefox(executablePath)
    return chromium.launch({ executablePath, args: ['--no-sandbox', ...this.#args] })
  }

  #program(): string {
    const program = `/usr/bin/${this.#name}`
    if (this.#netns === undefined) return program
    const path = join(this.#directory, this.#name)
    writeFileSync(path, `#!/bin/sh\nexec ip netns exec ${this.#netns()} ${program} "$@"\n`, {
      mode: 0o700,
    })
    return path
  }
}

/** A feed that outlives the pages of the test, and its address. */
export async function startFeed(world = new FakeWorld(), change?: <T>(message: T) => T) {
  const feed = new FakeFeed(world, change)
  onTestFinished(() => feed.close())
  return { feed, address: await feed.listen() }
}

const bar = (page: Page) => page.getByRole('navigation', { name: 'Views' }).getByRole('link')

/** The titles of all views. */
export async function viewsOf(page: Page): Promise<string[]> {
  await bar(page).first().waitFor()
  return bar(page).allTextContents()
}

/** Shows a view, by its title, and waits until the feed sends what it wants. */
export async function showView(page: Page, title: string): Promise<void> {
  await bar(page).getByText(title, { exact: true }).click()
  await page.locator(`nav a[aria-current=page]`).getByText(title, { exact: true }).waitFor()
}

/** Resolves when the page shows this state of its connection. */
export const connection = (page: Page, state: FeedState) =>
  page.locator(`header [data-state=${state}]`).waitFor()
