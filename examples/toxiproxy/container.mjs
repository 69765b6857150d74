// The image of deploy/toxiproxy/Dockerfile in @testcontainers/toxiproxy, which npm installs.
// A privileged container has /dev/net/tun, and so packets.
import { ToxiProxyContainer } from '@testcontainers/toxiproxy'

const container = await new ToxiProxyContainer('vnet-toxiproxy').withPrivilegedMode().start()
const upstream = process.argv[2] ?? 'host.docker.internal:6379'
const { host, port, instance } = await container.createProxy({ name: 'redis', upstream })
await instance.addToxic({
  type: 'packet_loss',
  stream: 'downstream',
  toxicity: 1,
  attributes: { percent: 5 },
})
console.log(`redis-cli -h ${host} -p ${port}`)
process.once('SIGINT', () => container.stop())
