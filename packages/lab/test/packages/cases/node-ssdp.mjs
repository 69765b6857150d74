import ssdp from 'node-ssdp'

export const serve = async () => {
  const location = { port: 6 * 7, path: '/product' }
  const server = new ssdp.Server({ location, suppressRootDeviceAdvertisements: true })
  server.addUSN('urn:math:product')
  await server.start()
  return async () => server.stop()
}
export const filter = 'udp'
export const answer = /^http:\/\/[\d.]+:42\/product$/
export const ask = () =>
  new Promise(resolve => {
    // Without a route for groups, the socket's own address says the interface.
    const client = new ssdp.Client({ explicitSocketBind: true })
    const repeat = setInterval(() => client.search('urn:math:product'), 500)
    client.on('response', ({ LOCATION }) => {
      clearInterval(repeat)
      client.stop()
      resolve(LOCATION)
    })
    client.search('urn:math:product')
  })
