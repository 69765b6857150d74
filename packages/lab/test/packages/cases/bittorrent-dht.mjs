import { Client } from 'bittorrent-dht'

const listening = dht => new Promise(resolve => dht.listen(6881, '0.0.0.0', resolve))
export const serve = async () => {
  const dht = new Client({ bootstrap: false })
  await listening(dht)
  const value = Buffer.from(`${6 * 7}`)
  await new Promise(resolve => dht.put({ v: value }, resolve))
  return () => new Promise(resolve => dht.destroy(resolve))
}
export const filter = 'udp'
/** SHA-1 of the bencoded text, under which the value is kept (BEP 44). */
export const answer = '42'
export const ask = async () => {
  const { createHash } = await import('node:crypto')
  const key = createHash('sha1').update('2:42').digest()
  const dht = new Client({ bootstrap: ['server:6881'], timeout: 1000 })
  await listening(dht)
  const found = await new Promise(resolve => dht.get(key, (_error, result) => resolve(result?.v)))
  await new Promise(resolve => dht.destroy(resolve))
  return String(found)
}
