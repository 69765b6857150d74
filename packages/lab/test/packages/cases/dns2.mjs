import dns2 from 'dns2'

const { Packet } = dns2
export const serve = async () => {
  const server = dns2.createServer({
    udp: true,
    handle: (request, send) => {
      const response = Packet.createResponseFromRequest(request)
      const [{ name }] = request.questions
      const [a, b] = name.split('.')
      response.answers.push({
        name,
        type: Packet.TYPE.A,
        class: Packet.CLASS.IN,
        ttl: 1,
        address: `198.18.0.${a * b}`,
      })
      send(response)
    },
  })
  await server.listen({ udp: { port: 53, address: '0.0.0.0' } })
  return () => server.close()
}
export const filter = 'udp'
export const answer = '198.18.0.42'
export const ask = async () => {
  const resolve = dns2.UDPClient({ dns: 'server', port: 53 })
  const found = await resolve('6.7').catch(() => resolve('6.7'))
  return found.answers[0].address
}
