/** Runs cases with the programs in packages/conform/examples. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Netns, outcome } from '#support/netns.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { ServedHost } from './served-host.ts'

/** Returns the settings of Linux, commands of the page. */
function settings(): string {
  const page = readFileSync('packages/conform/docs/conform.md', 'utf8')
  const [, text] = /^```sh\n(sysctl .*?)^```$/ms.exec(page) ?? []
  if (text === undefined) throw new Error('the page has no settings of Linux')
  return text
}

/** Gives the near end an address, to reach the control port, and the host the page's settings. */
export function prepare({ near, far }: ServedHost, directory: string): void {
  near.ip('addr add 192.0.2.1/24 dev veth0')
  writeFileSync(join(directory, 'settings.sh'), settings())
  far.exec(`sh -e ${directory}/settings.sh`)
}

/** Starts a program that listens at port 7000, and waits until it does. */
export async function startControlled(far: Netns, command: readonly string[]): Promise<void> {
  far.spawn(command)
  await expect.poll(() => far.exec('ss -Hltn sport = 7000'), { timeout: 10_000 }).not.toBe('')
}

/** Returns the result of `vnet conform` with a program at 192.0.2.2, port 7000. */
export async function conformControlled(
  { near }: ServedHost,
  directory: string,
  ...args: readonly string[]
) {
  const addresses = [
    '--address',
    '192.0.2.2',
    '--address',
    '2001:db8::2',
    '--control',
    '192.0.2.2:7000',
  ]
  const command = ['conform', 'veth0', ...addresses, '--captures', directory, ...args]
  return outcome(near.spawn([process.execPath, PROGRAM, ...command]))
}

export interface Controlled {
  /** Messages of cases of `must` that failed. */
  readonly failed: readonly string[]
  /** The requests that the program does not know. */
  readonly unknown: readonly string[]
  readonly passed: number
}

/** Compiles the program of a language, and runs all cases on the kernel with it. */
export async function runAll(
  language: string,
  compile: readonly string[],
  args: string,
): Promise<Controlled> {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-control-'))
  const host = await ServedHost.start()
  try {
    const name = `control.${language}`
    copyFileSync(join('packages/conform/examples', name), join(directory, name))
    const [compiler = '', ...options] = compile
    execFileSync(compiler, [...options, '-o', 'control', name], { cwd: directory, stdio: 'pipe' })
    prepare(host, directory)
    await startControlled(host.far, [join(directory, 'control'), ...args.split(' ')])
    const { stdout, stderr } = await conformControlled(host, directory, '--json')
    expect(stderr).toBe('')
    const lines = stdout.trimEnd().split('\n')
    const results = lines.map(line => JSON.parse(line))
    const reasons = results.map(
      ({ reason = '' }) => /^the host does not offer '(\w+)' at/.exec(reason)?.[1],
    )
    return {
      failed: lines.filter((_, i) => results[i].result === 'failed' && results[i].level === 'must'),
      unknown: [...new Set(reasons.filter(word => word !== undefined))].sort(),
      passed: results.at(-1).passed,
    }
  } finally {
    host.remove()
    rmSync(directory, { recursive: true })
  }
}
