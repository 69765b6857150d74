/** The commands of the README's section on installation, run as it shows them. */
import { readFileSync } from 'node:fs'
import { ended, onMachine, VNET_ROOTLESS } from './ordinary-user.ts'

const [, section = ''] =
  /^## Install and try it\n(.*?)^## /ms.exec(readFileSync('README.md', 'utf8')) ?? []
const [enter, start = '', look = ''] = [...section.matchAll(/```sh\n(.*?)```/gs)].map(
  ([, text = '']) => text,
)

/** How the section enters a network of its own. */
export const ENTER = enter

/** The wire's counters, with spaces as in a pattern. */
export const SHOWN = [...look.matchAll(/^# +((?:ab|ba) loss.*?) +- +-$/gm)].map(([, row = '']) =>
  row.replace(/ +/g, ' +'),
)

/** Where the table of the wire's counters ends. */
const COUNTERS = /(?<=^# +ba loss.*\n)/m

/**
 * Runs the commands, up to the wire's counters or to their end, by the command `by` on a machine
 * whose /dev/net/tun has `mode`.
 */
export function runSection(mode: string, by: readonly string[], toEnd: boolean) {
  const [counters = '', rest = ''] = look.split(COUNTERS)
  // The stage that is last in the path of a ping: when it has seen all, so have the others.
  const last = SHOWN.at(-1)
  const counted = counters
    .replace('-i 0.1', '-i 0.01')
    .replace(
      /^node dist\/vnet.js wire sn0$/m,
      `until node dist/vnet.js wire sn0 > /run/wire && grep -qE '${last}' /run/wire; do :; done; cat /run/wire`,
    )
  const script = `
    mkfifo /run/ready
    ${start.replace(/ &\n$/, ' > /run/ready &\n')}
    while read -r line; do [ "$line" = ready ] && break; done < /run/ready
    ${counted}
    ${toEnd ? rest : 'kill $!\n'}
    wait`.replaceAll(/\bnode dist/g, `'${process.execPath}' dist`)
  return ended([...onMachine({ mode }, [...by, ...VNET_ROOTLESS]), 'sh', '-ec', script])
}
