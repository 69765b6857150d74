/**
 * `vnet extcap`: the program that Wireshark runs to list the interfaces of running vnets, and to
 * capture on them (extcap(4)). Newer versions give more options, which are ignored. Wireshark makes
 * several calls when it starts, and waits for them, so each loads only the code that it needs.
 */
import { UsageError } from '../../base/usage-error.ts'
import { EXIT_OK, type Io } from '../process/io.ts'
import { configSentences, linkTypeSentences } from './extcap-sentences.ts'

interface ExtcapOptions {
  readonly install: boolean | undefined
  readonly uninstall: boolean | undefined
  readonly extcapInterfaces: boolean | undefined
  readonly extcapInterface: string | undefined
  readonly extcapDlts: boolean | undefined
  readonly extcapConfig: boolean | undefined
  readonly extcapReloadOption: string | undefined
  readonly extcapCaptureFilter: string | undefined
  readonly capture: boolean | undefined
  readonly fifo: string | undefined
  readonly filter: string | undefined
  readonly drops: boolean | undefined
  /** Bytes kept of each frame; 0 for all. */
  readonly snaplen: number | undefined
}

/** Performs the options of one call. Returns the exit status. */
export async function extcap(options: ExtcapOptions, io: Io): Promise<number> {
  if (options.install || options.uninstall) {
    const { install, uninstall } = await import('./extcap-install.ts')
    for (const line of options.install ? install() : uninstall()) {
      io.out(`${line}\n`)
    }
    return EXIT_OK
  }
  const { extcapInterface: value, fifo, extcapCaptureFilter } = options
  if (options.extcapInterfaces) return (await import('./extcap-capture.ts')).listInterfaces(io)
  if (value === undefined) {
    throw new UsageError(
      'vnet extcap is run by Wireshark, once `vnet extcap --install` has put it there',
    )
  }
  if (options.capture) {
    if (fifo === undefined) throw new UsageError('--capture needs --fifo PATH')
    const { capture } = await import('./extcap-capture.ts')
    const filter = both(options.filter, extcapCaptureFilter)
    return capture(
      value,
      fifo,
      { filter, dropsOnly: options.drops, snaplen: options.snaplen || undefined },
      io,
    )
  }
  if (options.extcapDlts) {
    io.out(linkTypeSentences())
  } else if (options.extcapConfig) {
    // No option has values that could be loaded again.
    if (options.extcapReloadOption === undefined) {
      io.out(configSentences())
    }
  } else if (extcapCaptureFilter !== undefined) {
    await checkFilter(extcapCaptureFilter, io)
  }
  return EXIT_OK
}

/** Wireshark has a filter for all kinds of captures, and one among the options of this one. */
function both(one = '', other = ''): string | undefined {
  const filters = [one, other].filter(text => text.trim() !== '')
  return filters.length === 2 ? `(${one}) and (${other})` : filters[0]
}

/** Wireshark takes any output for the reason why the filter is wrong. */
async function checkFilter(text: string, io: Io): Promise<void> {
  const { compileFilter } = await import('../../linux/pcap-filter.ts')
  try {
    compileFilter(text)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    io.out(`${error.message}\n`)
  }
}
