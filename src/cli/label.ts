/** How an interface is named on the command line: `red/eth0` when it is not in the program's own namespace. */
import { printable } from '../core/printable.ts'

export interface Named {
  readonly name: string
  readonly netns?: string | undefined
}

/** The name as it is shown: what is unprintable in it is escaped. */
export function label(device: Named): string {
  return printable(fullName(device))
}

/** Whether `text` names it, with its namespace or without, as it is or as it is shown. */
export function isNamed(device: Named, text: string): boolean {
  return [device.name, fullName(device)].some(name => name === text || printable(name) === text)
}

function fullName({ name, netns }: Named): string {
  return netns === undefined ? name : `${netns}/${name}`
}
