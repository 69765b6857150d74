import { Bonjour } from 'bonjour-service'
import { ownAddress } from '../servers/own-address.mjs'

export const serve = async () => {
  const bonjour = new Bonjour({ interface: ownAddress(), bind: '0.0.0.0' })
  const service = bonjour.publish({ name: 'product', type: 'math', port: 6 * 7 })
  await new Promise(resolve => service.on('up', resolve))
  return () => new Promise(resolve => bonjour.unpublishAll(() => bonjour.destroy(resolve)))
}
export const filter = 'udp'
export const answer = 42
export const ask = () =>
  new Promise(resolve => {
    const bonjour = new Bonjour({ interface: ownAddress(), bind: '0.0.0.0' })
    const browser = bonjour.find({ type: 'math' }, ({ port }) => {
      clearInterval(repeat)
      browser.stop()
      bonjour.destroy(() => resolve(port))
    })
    const repeat = setInterval(() => browser.update(), 1000)
  })
