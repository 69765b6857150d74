/**
 * A ping of 1,000 bytes through a driver in the test bed, as the driver's tests and exercises have
 * it: frames of 1,042 bytes, with the bed's kernel and its clock at both ends.
 */
import { testBed } from '../../dist/bed/index.js'
import { e1000, snull } from '../../dist/drivers/index.js'

const SIZE = 1000
/** Less than the time after which a driver looks at a card that does nothing. */
const INTERVAL = '1us'

/** `open()` returns a function that sends a number of frames through, and returns that number. */
export const beds = [
  { name: 'snull_bed', title: 'snull', driver: snull },
  { name: 'e1000_bed', title: 'e1000', driver: e1000 },
].map(({ name, title, driver }) => ({
  name,
  title: `in a test bed, frames of 1,042 bytes: ${title}`,
  open: async () => pings(await testBed(driver)),
}))

/** A ping is two frames, a request and its reply. */
function pings(bed) {
  return frames => {
    const count = frames / 2
    const { received } = bed.ping({ count, size: SIZE, interval: INTERVAL })
    if (received !== count) throw new Error(`${count} pings, ${received} replies`)
    return frames
  }
}
