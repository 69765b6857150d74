/** A project that has installed vnet, this clone, and runs tests with it. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const LIMIT_MS = 100_000

export class Consumer implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'vnet-consumer-'))

  constructor() {
    this.write('package.json', '{ "type": "module" }')
    mkdirSync(join(this.directory, 'node_modules'))
    symlinkSync(resolve('.'), join(this.directory, 'node_modules/vnet'))
    for (const name of ['vitest', '@types', '@vnet']) {
      symlinkSync(resolve('node_modules', name), join(this.directory, 'node_modules', name))
    }
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text)
  }

  /** Runs node with arguments to its end, after the prefix command `before`. */
  node(args: readonly string[], { env = {}, before = [] }: { env?: NodeJS.ProcessEnv; before?: string[] } = {}) {
    const [program, ...words] = [...before, process.execPath, ...args] as [string, ...string[]]
    // Without the variables of this test's runner, which would change the one under test.
    const { NODE_OPTIONS: _, VITEST: __, VNET_SEED: ___, NODE_TEST_CONTEXT: ____, ...own } = process.env
    const options = { cwd: this.directory, encoding: 'utf8', timeout: LIMIT_MS, env: { ...own, ...env } } as const
    const { status, signal, stdout, stderr } = spawnSync(program, words, options)
    return { status: signal ?? status, stdout, stderr }
  }

  /** Runs vitest on the files of the project. */
  vitest(args: readonly string[] = [], options?: Parameters<Consumer['node']>[1]) {
    return this.node([resolve('node_modules/vitest/vitest.mjs'), 'run', '--no-color', ...args], options)
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true })
  }
}
