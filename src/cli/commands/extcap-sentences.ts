/** The output of an extcap program for Wireshark (extcap(4)): one sentence a line. */
import type { FoundDevice } from '../../control/index.ts'
import { label } from '../device-text.ts'

/** The value of the interface that means all interfaces. */
export const ALL = 'vnet'

/** Returns the device's name in Wireshark: `vnet-ca`, or `vnet-red:ca` in the namespace red. */
export function interfaceValue({ name, netns }: Pick<FoundDevice, 'name' | 'netns'>): string {
  // No interface has a colon in its name.
  return `${ALL}-${netns === undefined ? '' : `${plain(netns)}:`}${plain(name)}`
}

/** Escapes characters with a meaning in a file name, a shell or the grammar below. */
function plain(name: string): string {
  return name.replace(/[^\w.@+-]/g, char => `%${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Returns the reply to --extcap-interfaces. `help` is an address that Wireshark opens. */
export function interfaceSentences(
  devices: readonly FoundDevice[],
  version: string,
  help: string,
): string {
  const one = (value: string, display: string) =>
    sentence('interface', { value, display: `vnet: ${display}` })
  const described = (device: FoundDevice) => {
    const { driver, netns } = device
    const place = netns === undefined ? undefined : `in ${label({ name: netns })}`
    const notes = [driver, place].filter(note => note !== undefined).join(', ')
    return label({ name: device.name }) + (notes === '' ? '' : ` (${notes})`)
  }
  return [
    sentence('extcap', { version, help, display: 'vnet' }),
    ...devices.map(device => one(interfaceValue(device), described(device))),
    ...(devices.length === 0 ? [] : [one(ALL, 'all interfaces')]),
  ].join('')
}

/** Returns the reply to --extcap-dlts. */
export const linkTypeSentences = (): string =>
  sentence('dlt', { number: 1, name: 'EN10MB', display: 'Ethernet' })

/** Returns the reply to --extcap-config. */
export function configSentences(): string {
  return [
    { call: '--filter', display: 'Filter, as in pcap-filter(7)', type: 'string' },
    { call: '--drops', display: 'Dropped frames only', type: 'boolflag', default: 'false' },
    {
      call: '--snaplen',
      display: 'Bytes kept of each frame (0: all)',
      type: 'unsigned',
      default: 0,
    },
  ]
    .map((arg, number) => sentence('arg', { number, ...arg }))
    .join('')
}

function sentence(word: string, values: Readonly<Record<string, string | number>>): string {
  // A value ends at the first brace, which cannot be escaped.
  const text = (value: string | number) => `${value}`.replaceAll('{', '(').replaceAll('}', ')')
  return `${word} ${Object.entries(values)
    .map(([name, value]) => `{${name}=${text(value)}}`)
    .join('')}\n`
}
