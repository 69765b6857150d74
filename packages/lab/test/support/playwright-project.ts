/** The project in examples/playwright, installed in a copy, with vnet linked as from a clone. */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../../../..')
const CASES = join(ROOT, 'packages/lab/test/browsers/cases')
/** The parts of a clone that labs need. */
const PACKAGES = ['guest', 'inet', 'lab', 'lan']
const PARTS = ['.', ...PACKAGES.map(name => `packages/${name}`)].flatMap(path => [
  `${path}/dist`,
  `${path}/package.json`,
])

// The settings of the npm and the runner that run the tests must not reach the ones run here.
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(npm_|VITEST|NODE_ENV$|NODE_OPTIONS$|VNET_|CI$)/.test(name),
  ),
)

interface FileOptions {
  readonly more?: NodeJS.ProcessEnv
  /** The prefix command. */
  readonly by?: readonly string[]
  readonly use?: object
}

export class PlaywrightProject implements Disposable {
  readonly #parent = mkdtempSync(join(tmpdir(), 'vnet-playwright-'))
  /** The directory of the project. */
  readonly directory = join(this.#parent, 'examples/playwright')
  /** Why it cannot be installed: the network may be absent. */
  readonly whyNot: string | undefined

  constructor() {
    const from = join(ROOT, 'examples/playwright')
    const filter = (path: string) => !/node_modules|test-results/.test(path)
    cpSync(from, this.directory, { recursive: true, filter })
    this.whyNot = this.#install()
    if (this.whyNot !== undefined && process.env.CI) throw new Error(this.whyNot)
  }

  /** Packages come from npm's cache if they can. Returns why not, if that fails. */
  #install(): string | undefined {
    for (const path of PARTS.filter(path => path.endsWith('.json'))) {
      cpSync(join(ROOT, path), join(this.#parent, path))
    }
    const flags = [
      '--ignore-scripts',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      '--fetch-retries=0',
    ]
    const { status, text } = this.run(['npm', 'ci', ...flags])
    if (status !== 0) return `npm ci in examples/playwright failed: ${text}`
    const copy = (path: string) =>
      cpSync(join(ROOT, path), join(this.#parent, path), { recursive: true })
    for (const path of [...PARTS, 'build/Release']) {
      copy(path)
    }
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    for (const name of [...Object.keys(dependencies), '@yuuang']) {
      copy(`node_modules/${name}`)
    }
    mkdirSync(join(this.#parent, 'node_modules/@vnet'))
    symlinkSync('..', join(this.#parent, 'node_modules/vnet'))
    for (const name of PACKAGES) {
      symlinkSync(`../../packages/${name}`, join(this.#parent, 'node_modules/@vnet', name))
    }
    return undefined
  }

  /** Runs a command in the project to its end, after the prefix command `by`. */
  run(words: readonly string[], by: readonly string[] = [], more: NodeJS.ProcessEnv = {}) {
    const script = 'cd "$0" && PATH="$1:$PATH" && shift && exec "$@"'
    const [program = '', ...args] = [
      ...by,
      'sh',
      '-c',
      script,
      this.directory,
      dirname(process.execPath),
      ...words,
    ]
    const options = {
      encoding: 'utf8',
      timeout: 280_000,
      env: { ...env, NO_COLOR: '1', ...more },
    } as const
    const { status, signal, stdout, stderr } = spawnSync(program, args, options)
    return { status: signal ?? status, text: stdout + stderr }
  }

  /**
   * Runs a test file of its own. By default it fails where no lab can be made, and `use` of the
   * configuration is that of the project.
   */
  runFile(
    name: string,
    text: string,
    { more = { VNET_REQUIRED: '1' }, by = [], use = {} }: FileOptions = {},
  ) {
    writeFileSync(join(this.directory, `${name}.case.js`), text)
    writeFileSync(
      join(this.directory, 'case.config.js'),
      `import config from './playwright.config.js'
       const use = { ...config.use, ...${JSON.stringify(use)} }
       export default { ...config, use, timeout: 240_000, reporter: [['list'], ['json']], testMatch: '${name}.case.js' }`,
    )
    return this.run(['npx', 'playwright', 'test', '-c', 'case.config.js'], by, more)
  }

  /** Runs a file of test/browsers/cases, which must pass, and returns the lines that it prints. */
  runCase(name: string, use: object = {}): string {
    const { status, text } = this.runFile(
      name,
      readFileSync(join(CASES, `${name}.case.js`), 'utf8'),
      { use },
    )
    if (status !== 0) throw new Error(text)
    return text
  }

  /** Lets any user read and write the project. */
  openToAll(): void {
    spawnSync('chmod', ['-R', 'a+rwX', this.#parent])
  }

  /** Installs a package of npm where the project's files find it. */
  add(name: string): void {
    const flags = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund']
    const { status, text } = this.run([
      'npm',
      'install',
      ...flags,
      '--prefix',
      join(this.#parent, 'examples'),
      name,
    ])
    if (status !== 0) throw new Error(text)
  }

  [Symbol.dispose](): void {
    rmSync(this.#parent, { recursive: true })
  }
}
