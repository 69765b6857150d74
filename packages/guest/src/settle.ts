/**
 * Takes back what a stop may do to the clock. The CPU of a stopped machine is idle, and if QEMU's
 * main thread notices that before the stop, it moves the clock to the next timer. The guest has
 * left its time stamp in a register (stopMachine in native/guest/mail.cc), so that the clock can be
 * set in the saved state of the devices.
 */
import { Buffer } from 'node:buffer'
import { GuestSetupError } from './programs.ts'

/** The registers before the time stamp; the state of a CPU is big-endian. */
const MARK = Buffer.from('vnet-stop-clock!', 'latin1')
/** The instructions from the reading of the time stamp to the stop, one ns each. */
const SINCE_STAMP = 6n
/** The section of the clock: its name after its length, then a version, then both numbers. */
const CLOCK = Buffer.from('\x0ctimer/icount', 'latin1')
const CLOCK_VERSION_LENGTH = 4

/**
 * Sets the clock of a saved machine to the time at which the guest stopped, in place. Returns how
 * many ns it had moved. Throws a GuestSetupError if the state is not as QEMU 7.2 writes it.
 */
export function settleClock(devices: Buffer): number {
  const stamp = devices.indexOf(MARK) + MARK.length
  const clock = devices.indexOf(CLOCK) + CLOCK.length + CLOCK_VERSION_LENGTH
  const isKnown = [MARK, CLOCK].every(
    text => devices.indexOf(text) !== -1 && devices.indexOf(text) === devices.lastIndexOf(text),
  )
  if (!isKnown) {
    throw new GuestSetupError(
      "the saved state of the machine is not understood: vnet knows QEMU 7.2's",
    )
  }
  const bias = devices.readBigInt64BE(clock)
  const instructions = devices.readBigInt64BE(clock + BigInt64Array.BYTES_PER_ELEMENT)
  const right = devices.readBigInt64BE(stamp) + SINCE_STAMP - instructions
  devices.writeBigInt64BE(right, clock)
  return Number(bias - right)
}
