import http2 from 'node:http2'
import { create, createFileRegistry } from '@bufbuild/protobuf'
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_wrappers as wrappers,
} from '@bufbuild/protobuf/wkt'
import { createClient } from '@connectrpc/connect'
import {
  connectNodeAdapter,
  createGrpcTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node'
import { listening } from '../servers/listening.mjs'

const types = {
  inputType: '.google.protobuf.StringValue',
  outputType: '.google.protobuf.Int32Value',
}
const file = create(FileDescriptorProtoSchema, {
  name: 'math.proto',
  syntax: 'proto3',
  dependency: [wrappers.proto.name],
  service: [{ name: 'Math', method: [{ name: 'multiply', ...types }] }],
})
const service = createFileRegistry(file, () => wrappers.proto).getService('Math')
const multiply = ({ value }) => ({ value: value.split(' ').reduce((a, b) => a * b) })
const routes = router => router.service(service, { multiply })

export const serve = () => listening(http2.createServer(connectNodeAdapter({ routes })), 80)
export const answer = 42
export const ask = async () => {
  const sessionManager = new Http2SessionManager('http://server')
  const client = createClient(
    service,
    createGrpcTransport({ baseUrl: 'http://server', sessionManager }),
  )
  const { value } = await client.multiply({ value: '6 7' })
  sessionManager.abort()
  return value
}
