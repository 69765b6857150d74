/** The programs of planted bugs. With BROKEN=1 each has its bug. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LabHost } from '../../../src/index.ts'

const folder = fileURLToPath(new URL('programs', import.meta.url))
const built = new Map<string, string>()

/** Compiles programs of Go into a directory. */
export function buildPrograms(directory: string): void {
  for (const name of ['locker', 'sessions', 'balancer']) {
    built.set(name, join(directory, name))
    execFileSync('go', ['build', '-o', directory, `${name}.go`], { cwd: folder, stdio: 'inherit' })
  }
}

/** Returns a command with its arguments. Names without an extension are of Go. */
function commandOf(name: string): [command: string, args: string[]] {
  const path = join(folder, name)
  if (name.endsWith('.py')) return ['python3', [path]]
  return name.endsWith('.mjs') ? [process.execPath, [path]] : [built.get(name) as string, []]
}

const envOf = (isBroken: boolean) => {
  return { ...process.env, BROKEN: isBroken ? '1' : '0', PYTHONDONTWRITEBYTECODE: '1' }
}

/** Starts a server, which prints a line when it is ready, and again after each restart. */
export function startServer(host: LabHost, name: string, isBroken: boolean): Promise<void> {
  return host.start(async ({ host, signal }) => {
    const env = envOf(isBroken)
    const { stdout } = host.spawn(...commandOf(name), { env, stdio: ['ignore', 'pipe', 'inherit'] })
    const { done } = await createInterface({ input: stdout!, signal })
      [Symbol.asyncIterator]()
      .next()
    if (done === true) throw new Error(`${name} has ended`)
    stdout!.resume()
  })
}

/** Runs a program to its end, and returns its status. */
export async function run(host: LabHost, name: string, isBroken: boolean): Promise<number | null> {
  const [command, args] = commandOf(name)
  const { status, stderr } = await host.exec(command, args, { env: envOf(isBroken) })
  if (stderr !== '') throw new Error(`${name}: ${stderr}`)
  return status
}
