import http from 'node:http'
import { text } from 'node:stream/consumers'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { listening } from '../servers/listening.mjs'

/** A collector that multiplies the attributes of the span which it got last. */
const collector = () => {
  let product
  return http.createServer(async (request, response) => {
    if (request.method === 'GET') return response.end(`${product}`)
    const { resourceSpans } = JSON.parse(await text(request))
    const { attributes } = resourceSpans[0].scopeSpans[0].spans[0]
    product = attributes.map(({ value }) => value.intValue).reduce((a, b) => a * b)
    response.end('{}')
  })
}
export const serve = () => listening(collector(), 4318)
export const answer = '42'
export const ask = async () => {
  const exporter = new OTLPTraceExporter({ url: 'http://server:4318/v1/traces' })
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  const span = provider.getTracer('cases').startSpan('multiply', { attributes: { a: 6, b: 7 } })
  span.end()
  await provider.shutdown()
  return (await fetch('http://server:4318/')).text()
}
