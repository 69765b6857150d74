/** The name of a capture, and the command line that makes the same one. */
import { shellWord } from './command-line.ts'

/** The most bytes that a page captures: it keeps them in memory. */
export const CAPTURE_MAX = 256 * 1024 * 1024

/** Returns `vnet-sn0-20261121-160309.pcapng`, in local time, from `red/sn0` `vnet-red-sn0-...`. */
export function captureName(label: string, ms: number): string {
  const date = new Date(ms)
  const two = (part: number) => `${part}`.padStart(2, '0')
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join('')
  // A name may be any bytes but / and spaces, and file names are for all systems.
  return `vnet-${label.replaceAll(/[^\w.-]/g, '-')}-${day}-${time}.pcapng`
}

/** Returns `vnet capture --filter 'tcp port 80' sn0 FILE`, quoted for a shell. */
export function captureLine(label: string, filter: string, file: string): string {
  const options = filter === '' ? [] : ['--filter', filter]
  // Behind `--` a word may begin with a dash.
  const dashes = label.startsWith('-') ? ['--'] : []
  return ['vnet', 'capture', ...options, ...dashes, label, file].map(shellWord).join(' ')
}
