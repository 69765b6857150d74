/**
 * '@vnet/lab/playwright': Playwright's test with a network. The browser of a test is a host of a
 * lab. A link leads to the servers of the test. test.use() sets its impairments:
 *
 *     test.use({ network: 'preset slow-3g' })
 *     test('a checkout survives a slow link', async ({ page, server, network }) => {
 *       await server.listen(http.createServer(shop), 8080)
 *       await page.goto('http://server:8080/')
 *       await network.offline(2000)
 *       ...
 *     })
 */
import 'vnet'
import { existsSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import net from 'node:net'
import { basename, dirname, join, resolve } from 'node:path'
import type {
  Browser,
  BrowserType,
  Fixtures,
  LaunchOptions,
  PlaywrightTestArgs,
  PlaywrightTestOptions,
  PlaywrightWorkerArgs,
  PlaywrightWorkerOptions,
  TestInfo,
  TestType,
} from '@playwright/test'
import { attempt, UsageError } from 'vnet'
import { LabWorker } from './kernel/lab-worker.ts'
import { checkForm, type Form, OBJECT, PORTS } from './model/options.ts'
import { createLab } from './network/create-lab.ts'
import { addDrops, addMissed, labName, reasonToSkip, seedFor } from './network/fixture.ts'
import type { LabHost } from './network/host.ts'
import type { Lab } from './network/lab.ts'
import { LabLink } from './network/link.ts'
import type { LabCableOptions } from './network/links.ts'
import { proxyServer } from './world/tcp-proxy.ts'

/** Both names lead to the same module. A package manager may hide either of them. */
const NAMES = ['playwright/test', '@playwright/test']

/**
 * Loads Playwright from where the running program is, or else the directory. An import would look
 * beside vnet's own files, which are outside the project if npm has linked a clone.
 */
function loadPlaywright(): typeof import('@playwright/test') {
  const places = [
    resolve(process.argv[1] ?? ''),
    join(process.cwd(), 'package.json'),
    import.meta.filename,
  ]
  for (const require of places.map(place => createRequire(place))) {
    for (const name of NAMES) {
      const path = attempt(() => require.resolve(name))
      if (path !== undefined) return require(path)
    }
  }
  throw new UsageError(
    '@vnet/lab/playwright: @playwright/test is not installed: npm install --save-dev @playwright/test',
  )
}

const runner = loadPlaywright()
/** Playwright's own. */
export const expect: typeof import('@playwright/test').expect = runner.expect

/** The link of a test's pages. By default it has no impairments, and `capture` is true. */
export interface LabNetworkOptions extends LabCableOptions {
  /**
   * Ports of servers on localhost of the machine. Pages reach them over the link, as
   * `http://server:3000`, and in Chromium as `http://localhost:3000`, too.
   */
  readonly forward?: readonly number[]
}

/** Options for test.use() and for `use` in the configuration, besides Playwright's. */
export interface NetworkTestOptions {
  /** The link of the test's pages: a wire, such as `preset slow-3g`, or options. */
  network: string | LabNetworkOptions
}

/**
 * The fixtures of a test, besides Playwright's. They belong to one test and are closed after it.
 */
export interface NetworkFixtures {
  /** The link of the test's pages. Its direction `ab` leads from the browser to the server. */
  network: LabLink
  /**
   * A lab of this test alone, as in '@vnet/lab/vitest'. If the test fails, the captures of its
   * links are attached, and the message lists the dropped packets.
   */
  lab: Lab
  /** The host on which the pages' browser runs. */
  client: LabHost
  /** The host at the other end of the link, for servers: `http://server:8080`. */
  server: LabHost
  /** Launches the project's browser on a host of the lab. It is closed with the test. */
  browserIn: (host: LabHost, options?: LaunchOptions) => Promise<Browser>
}

/** Playwright's test: `use` and `extend` take the options of the link as `network`. */
export interface NetworkTest<T extends object, W extends object> extends TestType<T, W> {
  use(fixtures: Omit<Fixtures<object, object, T, W>, 'network'> & Partial<NetworkTestOptions>): void
  use(fixtures: Fixtures<object, object, T, W>): void
  extend<T2 extends object, W2 extends object = object>(
    fixtures: Omit<Fixtures<T2, W2, T, W>, 'network'> & Partial<NetworkTestOptions>,
  ): NetworkTest<T & T2, W & W2>
  // The last one is what mergeTests() infers from.
  extend<T2 extends object, W2 extends object = object>(
    fixtures: Fixtures<T2, W2, T, W>,
  ): NetworkTest<T & T2, W & W2>
}

/** The hosts at the ends of a test's link. */
interface Ends {
  readonly client: LabHost
  readonly server: LabHost
  /** Arguments of Chromium, which lead forwarded ports of localhost to the server. */
  readonly args: readonly string[]
}

interface Own extends NetworkFixtures {
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

type Use<T> = (value: T) => Promise<void>

/** A test of Playwright, without the types of fixtures. */
interface Base {
  use(fixtures: object): void
  extend(fixtures: object): Base
}

/** Milliseconds for a lab or a browser to start and end, which the test's time does not include. */
const LIMIT = { timeout: 60_000 }
const PCAPNG = 'application/x-pcapng'

/** Ends a test's lab, and adds its captures and drops to the report if the test has failed. */
async function end(lab: Lab, info: TestInfo): Promise<void> {
  const hasFailed = info.status !== info.expectedStatus
  const drops = hasFailed ? await lab.drops().catch(() => []) : []
  const captures = hasFailed ? lab.keepCaptures() : []
  const missed = hasFailed ? lab.missedFaults : []
  await lab.close()
  for (const path of captures.filter(file => existsSync(file))) {
    await info.attach(basename(path), { path, contentType: PCAPNG })
  }
  // Attachments are copies. With VNET_CAPTURE the files are kept, too.
  if (!process.env.VNET_CAPTURE) {
    for (const path of captures) {
      rmSync(dirname(path), { recursive: true, force: true })
    }
  }
  addMissed(info.errors[0], missed)
  addDrops(info.errors[0], drops, lab.seed)
}

/** Returns the browser that Playwright would launch. */
function programOf(
  { playwright, browserName, launchOptions, channel, connectOptions }: Own,
  own?: string,
): string {
  if (connectOptions) {
    throw new UsageError('connectOptions: a browser in a lab is launched, not connected to')
  }
  const given = own ?? launchOptions.executablePath
  if (given !== undefined) return given
  if (channel !== undefined) {
    throw new UsageError(
      `channel '${channel}': a browser in a lab needs launchOptions.executablePath instead`,
    )
  }
  const path = (playwright[browserName] as BrowserType).executablePath()
  if (existsSync(path)) return path
  throw new Error(
    `${path} does not exist: npx playwright install ${browserName}, or set launchOptions.executablePath`,
  )
}

/** Returns the browser of a worker, which belongs to the running test. */
function delegate(current: Own['_current']): Browser {
  const get = (_: object, key: string | symbol) => {
    const { browser } = current
    // Fixtures are awaited, which looks for a `then`.
    if (browser === undefined && (key === 'then' || typeof key === 'symbol')) return undefined
    if (browser === undefined) {
      throw new UsageError(
        'browser: it starts with the fixtures page and context; on other hosts use browserIn(host)',
      )
    }
    const value = Reflect.get(browser, key)
    return typeof value === 'function' ? value.bind(browser) : value
  }
  return new Proxy({}, { get }) as Browser
}

/** Playwright's own requests come from the test's process, which is not past the link. */
function refuseRequest(): never {
  const others =
    'use client.fetch(url), or playwright.request.newContext() for a request outside the lab'
  throw new UsageError(`request: its requests do not pass the link; ${others}`)
}

const ends = new WeakMap<LabLink, Ends>()

function endsOf(network: unknown): Ends {
  const found = network instanceof LabLink ? ends.get(network) : undefined
  if (found !== undefined) return found
  throw new UsageError(
    "network: set it with test.use() of '@vnet/lab/playwright': use() of a merged test makes no link",
  )
}

/** Makes the hosts of a test and the link between them. */
async function joined(lab: Lab, given: string | LabNetworkOptions): Promise<LabLink> {
  checkForm('network', given, NETWORK)
  const { forward = [], ...cable }: LabNetworkOptions =
    typeof given === 'string' ? { wire: given } : given
  checkForm('network: forward', forward, PORTS)
  const [client, server] = lab.hosts('browser', 'server')
  const link = await lab.cable(client, server, { capture: true, ...cable })
  for (const port of forward) {
    await server.listen(
      proxyServer(() => net.connect({ port, host: 'localhost' })),
      port,
    )
  }
  const rules = forward.flatMap(port => [
    `MAP localhost:${port} server`,
    `MAP 127.0.0.1:${port} server`,
  ])
  ends.set(link, {
    client,
    server,
    args: rules.length === 0 ? [] : [`--host-resolver-rules=${rules.join(',')}`],
  })
  return link
}

/** Turns the option's value into a link. */
const linked = {
  network: [
    async (
      { network, lab }: { network: LabLink | string | LabNetworkOptions; lab: Lab },
      use: Use<LabLink>,
    ) =>
      // A fixture of the test may pass on the link that it is given.
      use(network instanceof LabLink ? network : await joined(lab, network)),
    LIMIT,
  ],
}

/** Hides the frames of this file: Playwright reads the caller's location from the second frame. */
function calledFrom<T>(from: () => T): T {
  const { captureStackTrace } = Error
  Error.captureStackTrace = target => captureStackTrace(target, calledFrom)
  try {
    return from()
  } finally {
    Error.captureStackTrace = captureStackTrace
  }
}

/** Makes a link from each `network` that `use` and `extend` set. Returns the same test. */
function linking<Test extends Base>(base: Test): Test {
  const { use, extend } = base
  const hasNetwork = (fixtures: object) => Object.hasOwn(fixtures, 'network')
  base.use = fixtures => {
    calledFrom(() => use(fixtures))
    if (hasNetwork(fixtures)) {
      use(linked)
    }
  }
  base.extend = fixtures => {
    const extended = calledFrom(() => extend(fixtures))
    return linking(hasNetwork(fixtures) ? extended.extend(linked) : extended)
  }
  return base
}

/**
 * The worker of the labs takes longer to start than the rest of a lab, so it starts while a worker
 * of Playwright loads its test files. It is not released, so that it outlives pauses between labs;
 * it ends with the process. The process that lists the tests makes no lab.
 */
if (process.env.TEST_WORKER_INDEX !== undefined) {
  LabWorker.take()
}

const none: { browser: Browser | undefined } = { browser: undefined }
const networkFixtures = {
  network: ['', { option: true }],
  lab: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of fixtures from it.
    async ({}: Own, use: Use<Lab>, info: TestInfo) => {
      const options = { name: labName(info.title), seed: seedFor(info.titlePath.join(' > ')) }
      // A browser needs the kernel.
      const lab = await createLab({ ...options, world: 'kernel' }).catch(error =>
        reasonToSkip(error),
      )
      if (typeof lab === 'string') return info.skip(true, lab)
      await use(lab)
      await end(lab, info)
    },
    LIMIT,
  ],
  client: async ({ network }: Own, use: Use<LabHost>) => use(endsOf(network).client),
  server: async ({ network }: Own, use: Use<LabHost>) => use(endsOf(network).server),
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
      const browser = await type.launch({
        ...options,
        args,
        executablePath: host.launcher(program),
      })
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
  browser: [
    async ({ _current }: Own, use: Use<Browser>) => use(delegate(_current)),
    { scope: 'worker' },
  ],
  _launched: [
    async ({ network, browserIn, browserName, _current }: Own, use: Use<void>) => {
      const { client, args } = endsOf(network)
      _current.browser = await browserIn(client, {
        args: browserName === 'chromium' ? [...args] : [],
      })
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
export const test: NetworkTest<
  PlaywrightTestArgs & PlaywrightTestOptions & NetworkFixtures,
  PlaywrightWorkerArgs & PlaywrightWorkerOptions
> = linking((runner.test as Base).extend(networkFixtures).extend(linked)) as never
