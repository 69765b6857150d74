/**
 * The scenario of `vnet explore LAB.yaml -- COMMAND`: the command runs in a lab that the file
 * describes, and passes if its status is 0. The URL of this module has a CommandRun.
 */
import { once } from 'node:events'
import { UsageError } from 'vnet'
import { FileLab } from '../file/file-lab.ts'
import { readLabFile } from '../file/read.ts'
import { builtModule } from '../model/built-module.ts'
import { signalOf } from '../model/signals.ts'
import type { Lab } from '../network/lab.ts'
import { CheckError } from './checks.ts'
import { ReturnedText } from './compared.ts'
import type { ScenarioRun } from './scenario.ts'

/** A command that is explored: it runs on `host` of the lab of `file`. */
export interface CommandRun {
  readonly file: string
  readonly host: string
  readonly command: readonly string[]
  /** A line for sh(1), which prints the names of the hosts that faults hit. */
  readonly hit?: string | undefined
  /** Whether what it prints is compared. */
  readonly compares?: boolean | undefined
}

const RUN: CommandRun = JSON.parse(new URL(import.meta.url).searchParams.get('run') ?? '{}')

/** Returns the URL of this module for a command. */
export function commandScenario(run: CommandRun): URL {
  const url = builtModule('./command-scenario.ts', import.meta.url)
  url.searchParams.set('run', JSON.stringify(run))
  return url
}

// biome-ignore lint/style/noDefaultExport: explore takes the default export.
export default async function scenario({ lab, signal }: ScenarioRun): Promise<string> {
  const { file, host, command, compares = false } = RUN
  const log = (message: string) => console.error(message)
  const running = await FileLab.fill(lab, readLabFile(file), { signal, log, command: RUN })
  const env = { ...process.env, ...running.env }
  const [program = '', ...args] = command
  const child = running
    .host(host)
    .spawn(program, args, { env, stdio: ['ignore', compares ? 'pipe' : 'inherit', 'inherit'] })
  const printed = new ReturnedText()
  child.stdout?.on('data', (chunk: Buffer) => {
    printed.take(chunk.toString('latin1'))
    process.stdout.write(chunk)
  })
  const [status, ended] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  if (status === 0) return printed.end()
  const by = signalOf({ status, signal: ended ?? undefined })
  const why =
    { 126: ', as of a program that cannot run', 127: ', as of a program that is not found' }[
      status ?? 0
    ] ?? (by === undefined ? '' : `, as of a program that ${by} has ended`)
  const text =
    status === null ? `the command was ended by ${ended}` : `the command ended with ${status}${why}`
  // SIGKILL may be of a crash of its host.
  const isFailure = by !== undefined && by !== 'SIGKILL'
  const error = isFailure ? new CheckError(text) : new Error(text)
  // The place in this file says nothing.
  error.stack = error.message
  throw error
}

/**
 * Runs the line of `--hit` on each host. Returns the names that the hosts have printed. If they
 * print none, rejects with a UsageError that has the last line of the errors of each host.
 */
async function ask(command: string, { links }: Lab): Promise<string[]> {
  const runs = links.lab.hosts.map(host => {
    return host.exec('sh', ['-c', command], { env: { ...process.env, VNET_HOST: host.name } })
  })
  // A host that has crashed runs nothing.
  const ends = (await Promise.allSettled(runs)).map(run =>
    run.status === 'fulfilled' ? run.value : undefined,
  )
  const names = ends.flatMap(end => end?.stdout.split(/\s+/).filter(name => name !== '') ?? [])
  if (names.length > 0) return names
  const errors = links.lab.hosts.flatMap(({ name }, i) => {
    const last = ends[i]?.stderr.trim().split('\n').at(-1)
    return last ? `${name}: ${last}` : []
  })
  throw new UsageError(['the command has printed no name', ...errors].join('; '))
}

const { hit: line } = RUN
export const hit = line === undefined ? undefined : (lab: Lab) => ask(line, lab)
