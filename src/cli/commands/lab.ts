/** `vnet lab`: makes the network that a file describes, and runs a command in it. */
import { UsageError } from '../../base/usage-error.ts'
import { graph } from '../../testing/lab/file/graph.ts'
import { readLabFile } from '../../testing/lab/file/read.ts'
import { createLab } from '../../testing/lab/index.ts'
import { EXIT_OK, endOf, type Io } from '../io.ts'

export interface LabCommandOptions {
  readonly host?: string
}

export async function lab(
  path: string,
  command: readonly string[],
  { host }: LabCommandOptions,
  io: Io,
): Promise<number> {
  const { file, topology } = readLabFile(path)
  if (command.length > 0) throw new UsageError('vnet lab runs no command yet')
  if (host !== undefined && !topology.namespaces.includes(host)) {
    throw new UsageError(`--host ${host}: the lab has ${topology.namespaces.join(', ')}`)
  }
  using end = endOf(io)
  const made = await createLab({ ...(file.seed !== undefined && { seed: file.seed }) })
  try {
    await made.topology(topology)
    io.out('ready\n')
    // The links of a lab keep no process alive.
    const alive = setInterval(() => {}, 2 ** 31 - 1)
    await end.asked.finally(() => clearInterval(alive))
  } finally {
    await made.close()
  }
  return EXIT_OK
}

export async function checkLab(path: string, io: Io): Promise<number> {
  const { namespaces } = readLabFile(path).topology
  io.out(`${path}: ${namespaces.length} hosts\n`)
  return EXIT_OK
}

export async function graphLab(path: string, io: Io): Promise<number> {
  io.out(graph(readLabFile(path).topology))
  return EXIT_OK
}
