/** A project that has installed vnet, this clone, and runs tests with it. */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const LIMIT_MS = 100_000

interface NodeRun {
  readonly env?: NodeJS.ProcessEnv
  readonly before?: readonly string[]
  readonly timeout?: number
}

export class Consumer implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'vnet-consumer-'))

  /** With `copies`, the directory has its own vitest, as a guest needs it. */
  constructor({ copies = false } = {}) {
    this.write('package.json', '{ "type": "module" }')
    mkdirSync(join(this.directory, 'node_modules'))
    symlinkSync(resolve('.'), join(this.directory, 'node_modules/vnet'))
    for (const name of copies ? ['@types', '@vnet'] : ['vitest', '@types', '@vnet']) {
      symlinkSync(resolve('node_modules', name), join(this.directory, 'node_modules', name))
    }
    if (copies) {
      this.#copy('vitest')
    }
  }

  /** Copies an installed package with its dependencies. */
  #copy(name: string): void {
    const [from, to] = [resolve('node_modules', name), join(this.directory, 'node_modules', name)]
    if (existsSync(to) || !existsSync(from)) return
    cpSync(from, to, { recursive: true })
    const { dependencies, optionalDependencies } = JSON.parse(
      readFileSync(join(from, 'package.json'), 'utf8'),
    )
    for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) {
      this.#copy(each)
    }
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text)
  }

  /** Runs node with arguments to its end, after the prefix command `before`. */
  node(args: readonly string[], { env = {}, before = [], timeout = LIMIT_MS }: NodeRun = {}) {
    const [program, ...words] = [...before, process.execPath, ...args] as [string, ...string[]]
    // Without the variables of this test's runner, which would change the one under test.
    const {
      NODE_OPTIONS: _,
      VITEST: __,
      VNET_SEED: ___,
      NODE_TEST_CONTEXT: ____,
      ...own
    } = process.env
    const options = {
      cwd: this.directory,
      encoding: 'utf8',
      timeout,
      env: { ...own, ...env },
    } as const
    const { status, signal, stdout, stderr } = spawnSync(program, words, options)
    return { status: signal ?? status, stdout, stderr }
  }

  /** Runs vitest on the files of the project. */
  vitest(args: readonly string[] = [], options?: Parameters<Consumer['node']>[1]) {
    return this.node(
      [join(this.directory, 'node_modules/vitest/vitest.mjs'), 'run', '--no-color', ...args],
      options,
    )
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true })
  }
}
