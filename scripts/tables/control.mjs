/** The table of docs/control-programs.md. */
import { cell, linked, table } from '../blocks.mjs'

/** Commands without `admin-perm` that not everyone may send. */
const RIGHTS = { capture: 'root, owner, capture group', ioctl: 'decided by the driver' }

const LINKS = {
  'drops by reason': 'statistics.md',
  'step of its path': 'debugging-steps.md#step-by-step',
  'the mistakes': 'containers.md#mistakes',
  'receive frames': 'capture.md#replaying-captures',
}

/**
 * Returns the table of the commands of the specification of vnet_nl. Throws if RIGHTS names another
 * one.
 */
export function controlTable({ operations }) {
  const commands = operations.list.filter(({ event }) => event === undefined)
  for (const name of Object.keys(RIGHTS)) {
    const command = commands.find(each => each.name === name)
    if (command === undefined) throw new Error(`vnet_nl has no command '${name}'`)
    if (command.flags?.includes('admin-perm')) throw new Error(`'${name}' has admin-perm`)
  }
  const rows = commands.map(({ name, doc, flags = [] }) => [
    name.toUpperCase().replaceAll('-', '_'),
    cell(doc.trim().replace(/\s+/g, ' ')),
    flags.includes('admin-perm') ? 'root, owner' : (RIGHTS[name] ?? 'everyone'),
  ])
  return linked(table(['command of the family', 'what it does', 'allowed for'], rows), LINKS)
}
