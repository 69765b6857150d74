/** Options of `vnet attach` that say where: a container or a process, not an interface. */
import { type Command, Option } from 'commander'
import { UsageError } from '../base/usage-error.ts'
import { wholeNumber } from './options.ts'

const GROUP = 'Containers:'
const PID_MAX = 4_194_304

export interface AttachOptions {
  container?: string
  pid?: number
  interface?: string
  netns?: string
}

export function addAttachOptions(command: Command): void {
  const options = [
    new Option('--container <name>', 'attach outside of this Docker or Podman container; in is what it receives'),
    new Option('--pid <pid>', 'the same for the network namespace of a process').argParser(wholeNumber(1, PID_MAX)),
    new Option('--interface <name>', 'only for this interface of the container, instead of all'),
  ]
  for (const option of options) command.addOption(option.helpGroup(GROUP))
}

/** Returns the interfaces that are named by the options; undefined if they name none. */
export async function optionalTargets(
  args: readonly string[],
  options: AttachOptions,
): Promise<readonly string[] | undefined> {
  const { container, pid, interface: only } = options
  if (container === undefined && pid === undefined) {
    if (only === undefined) return undefined
    throw new UsageError('--interface is for --container and --pid')
  }
  if (args.length > 0) throw new UsageError('attach: name interfaces, or --container or --pid, not both')
  const [{ outsideOf }, { loadNative }] = await Promise.all([
    import('../attach/inside.ts'),
    import('../linux/native.ts'),
  ])
  return outsideOf(loadNative(), options)
}
