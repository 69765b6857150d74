/**
 * The scenario of `vnet explore LAB.yaml -- COMMAND`: the command runs in a lab that the file
 * describes, and passes if its status is 0. The URL of this module has a CommandRun.
 */
import { once } from 'node:events'
import { builtModule } from '../built-module.ts'
import { FileLab } from '../file/file-lab.ts'
import { readLabFile } from '../file/read.ts'
import type { ScenarioRun } from './scenario.ts'

export interface CommandRun {
  readonly file: string
  readonly host: string
  readonly command: readonly string[]
}

/** Returns the URL of this module for a command. */
export function commandScenario(run: CommandRun): URL {
  const url = builtModule('./command-scenario.ts', import.meta.url)
  url.searchParams.set('run', JSON.stringify(run))
  return url
}

// biome-ignore lint/style/noDefaultExport: explore takes the default export.
export default async function scenario({ lab, signal }: ScenarioRun): Promise<void> {
  const { file, host, command }: CommandRun = JSON.parse(new URL(import.meta.url).searchParams.get('run') ?? '{}')
  const log = (line: string) => console.error(line)
  const running = await FileLab.fill(lab, readLabFile(file), { signal, log })
  const env = { ...process.env, ...running.env }
  const [program = '', ...args] = command
  const child = running.host(host).spawn(program, args, { env, stdio: ['ignore', 'inherit', 'inherit'] })
  const [status, ended] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  if (status === 0) return
  const error = new Error(status === null ? `the command was ended by ${ended}` : `the command ended with ${status}`)
  // The place in this file says nothing.
  error.stack = error.message
  throw error
}
