/**
 * 'vnet/playwright': Playwright's test with a network. The browser of a test is a host of a lab,
 * and a link with the impairments of the option `network` leads to the servers of the test:
 *
 *     test.use({ network: 'preset slow-3g' })
 *     test('a checkout survives a slow link', async ({ page, server, link }) => {
 *       await server.listen(http.createServer(shop), 8080)
 *       await page.goto('http://server:8080/')
 *       await link.partition(2000)
 *       ...
 *     })
 */
import './base/dispose.ts'
import { existsSync, rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import {
  type Browser,
  type BrowserType,
  test as base,
  type LaunchOptions,
  type PlaywrightTestArgs,
  type PlaywrightTestOptions,
  type PlaywrightWorkerArgs,
  type PlaywrightWorkerOptions,
  type TestInfo,
  type TestType,
} from '@playwright/test'
import { UsageError } from './base/usage-error.ts'
import { forwarder } from './testing/lab/forward.ts'
import { createLabWith, type Lab, type LabCableOptions, type LabLink, type LabNamespace } from './testing/lab/index.ts'
import { checkForm, type Form, OBJECT } from './testing/lab/options.ts'
import { addDrops, labName, reasonToSkip, seedFor } from './testing/runner.ts'

export { expect } from '@playwright/test'

/** The link of a test's pages. By default it has no impairments, and `capture` is true. */
export interface NetworkOptions extends LabCableOptions {
  /**
   * Ports of servers on localhost of the machine. Pages reach them behind the link, as
   * `http://server:3000`, and in Chromium as `http://localhost:3000`, too.
   */
  readonly forward?: readonly number[]
}

export interface NetworkFixtures {
  /** The link of the test's pages: a wire, such as `preset slow-3g`, or options. */
  network: string | NetworkOptions
  /**
   * A lab of this test alone, as in 'vnet/vitest'. If the test fails, the captures of its links are
   * attached, and the message lists the dropped packets.
   */
  lab: Lab
  /** The host on which the pages' browser runs. */
  client: LabNamespace
  /** The host at the other end of the link, for servers: `http://server:8080`. */
  server: LabNamespace
  /** The link between them. Direction `ab` leads from the browser to the server. */
  link: LabLink
  /** Launches the project's browser on a host of the lab. It is closed with the test. */
  browserIn: (host: LabNamespace, options?: LaunchOptions) => Promise<Browser>
}

interface Behind {
  readonly client: LabNamespace
  readonly server: LabNamespace
  readonly link: LabLink
  readonly args: readonly string[]
}

interface Own extends NetworkFixtures {
  readonly _behind: Behind
  readonly _current: { browser: Browser | undefined }
  readonly playwright: Readonly<Record<string, BrowserType>>
  readonly browserName: string
  readonly launchOptions: LaunchOptions
  readonly channel: string | undefined
  readonly connectOptions: object | undefined
  readonly context: { readonly request: { fetch: () => never } }
}

const NETWORK: Form = {
  accepts: value => typeof value === 'string' || OBJECT.accepts(value),
  text: "a wire, such as 'preset slow-3g', or options",
}
const PORTS: Form = {
  accepts: value => Array.isArray(value) && value.every(port => Number.isInteger(port) && port > 0 && port < 65536),
  text: 'a list of ports',
}

type Use<T> = (value: T) => Promise<void>

/** Milliseconds for a lab or a browser to start and end, which the test's time does not include. */
const LIMIT = { timeout: 60_000 }
/**
 * The kernel checks the link-local address of a new interface for one or two seconds. When the
 * check ends, Chromium aborts what it loads (ERR_NETWORK_CHANGED).
 */
const ACCEPT_DAD = ['net/ipv6/conf/default/accept_dad', '0'] as const
const PCAPNG = 'application/x-pcapng'

/** Ends a test's lab, and adds its captures and drops to the report if the test has failed. */
async function end(lab: Lab, info: TestInfo): Promise<void> {
  const hasFailed = info.status !== info.expectedStatus
  const drops = hasFailed ? await lab.drops().catch(() => []) : []
  const captures = hasFailed ? lab.keepCaptures() : []
  await lab.close()
  for (const path of captures.filter(path => existsSync(path))) {
    await info.attach(basename(path), { path, contentType: PCAPNG })
  }
  // Attachments are copies. With VNET_CAPTURE the files are kept, too.
  if (!process.env.VNET_CAPTURE) for (const path of captures) rmSync(dirname(path), { recursive: true, force: true })
  addDrops(info.errors[0], drops)
}

/** Returns the browser that Playwright would launch. */
function programOf({ playwright, browserName, launchOptions, channel, connectOptions }: Own, own?: string): string {
  if (connectOptions) throw new UsageError('connectOptions: a browser in a lab is launched, not connected to')
  const given = own ?? launchOptions.executablePath
  if (given !== undefined) return given
  if (channel !== undefined) {
    throw new UsageError(`channel '${channel}': a browser in a lab needs launchOptions.executablePath instead`)
  }
  const path = (playwright[browserName] as BrowserType).executablePath()
  if (existsSync(path)) return path
  throw new Error(`${path} does not exist: npx playwright install ${browserName}, or set launchOptions.executablePath`)
}

/** Returns the browser of a worker, which is the one of the running test. */
function delegate(current: Own['_current']): Browser {
  const get = (_: object, key: string | symbol) => {
    const { browser } = current
    // Fixtures are awaited, which looks for a `then`.
    if (browser === undefined && (key === 'then' || typeof key === 'symbol')) return undefined
    if (browser === undefined) {
      throw new UsageError('browser: it starts with the fixtures page and context; on other hosts use browserIn(host)')
    }
    const value = Reflect.get(browser, key)
    return typeof value === 'function' ? value.bind(browser) : value
  }
  return new Proxy({}, { get }) as Browser
}

/** Playwright's own requests come from the test's process, which is not past the link. */
function refuseRequest(): never {
  const others = 'use client.fetch(url), or playwright.request.newContext() for a request outside the lab'
  throw new UsageError(`request: its requests do not pass the link; ${others}`)
}

const none: { browser: Browser | undefined } = { browser: undefined }
const fixtures = {
  network: ['', { option: true }],
  lab: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from it.
    async ({}: Own, use: Use<Lab>, info: TestInfo) => {
      const options = { name: labName(info.title), seed: seedFor(info.titlePath.join(' > ')) }
      const lab = await createLabWith(options, { sysctls: [ACCEPT_DAD] }).catch(error => reasonToSkip(error))
      if (typeof lab === 'string') return info.skip(true, lab)
      await use(lab)
      await end(lab, info)
    },
    LIMIT,
  ],
  _behind: [
    async ({ lab, network }: Own, use: Use<Behind>) => {
      checkForm('network', network, NETWORK)
      const { forward = [], ...cable }: NetworkOptions = typeof network === 'string' ? { wire: network } : network
      checkForm('network: forward', forward, PORTS)
      const [client, server] = lab.namespaces('browser', 'server')
      const link = await lab.cable(client, server, { capture: true, ...cable })
      for (const port of forward) await server.listen(forwarder(port), port)
      const rules = forward.flatMap(port => [`MAP localhost:${port} server`, `MAP 127.0.0.1:${port} server`])
      await use({ client, server, link, args: rules.length === 0 ? [] : [`--host-resolver-rules=${rules.join(',')}`] })
    },
    LIMIT,
  ],
  client: async ({ _behind }: Own, use: Use<LabNamespace>) => use(_behind.client),
  server: async ({ _behind }: Own, use: Use<LabNamespace>) => use(_behind.server),
  link: async ({ _behind }: Own, use: Use<LabLink>) => use(_behind.link),
  browserIn: async (
    { lab, playwright, browserName, launchOptions, channel, connectOptions }: Own,
    use: Use<NetworkFixtures['browserIn']>,
  ) => {
    const own = { playwright, browserName, launchOptions, channel, connectOptions } as Own
    const browsers: Browser[] = []
    const type = playwright[browserName] as BrowserType
    await use(async (host, options = {}) => {
      const program = programOf(own, options.executablePath)
      const args = [...(launchOptions.args ?? []), ...(options.args ?? [])]
      const browser = await type.launch({ ...options, args, executablePath: host.launcher(program) })
      browsers.push(browser)
      return browser
    })
    // They end before the links do.
    void lab
    await Promise.all(browsers.map(browser => browser.close()))
  },
  _current: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from it.
    async ({}: Own, use: Use<typeof none>) => use({ ...none }),
    { scope: 'worker' },
  ],
  browser: [async ({ _current }: Own, use: Use<Browser>) => use(delegate(_current)), { scope: 'worker' }],
  _launched: [
    async ({ _behind, browserIn, browserName, _current }: Own, use: Use<void>) => {
      _current.browser = await browserIn(_behind.client, { args: browserName === 'chromium' ? [..._behind.args] : [] })
      await use()
      _current.browser = undefined
    },
    LIMIT,
  ],
  // The browser is launched before the context of Playwright is made in it.
  context: async ({ _launched, context }: Own & { _launched: void }, use: Use<unknown>) => {
    void _launched
    // Its other methods call this one.
    context.request.fetch = refuseRequest
    await use(context)
  },
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from it.
  request: async ({}: Own) => refuseRequest(),
}

/** Playwright's test with the fixtures of NetworkFixtures. */
export const test: TestType<
  PlaywrightTestArgs & PlaywrightTestOptions & NetworkFixtures,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions
> = base.extend<NetworkFixtures, object>(fixtures)
