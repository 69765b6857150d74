// HTTP::Tiny 0.080 of Perl: mirror() repeats a reply that was cut, and keeps its first part.
import { at, fetching, inTwo } from './network.mjs'

export const promise = 'Manual page, mirror: "saves the response body to the file name provided"'
// The second chunk, of the first reply.
export const options = at('reset', 'src port 9000 and len = 80')

const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'
const mirror = `
  my $file = "/tmp/vnet-http-tiny-$$";
  my $reply = HTTP::Tiny->new->mirror("http://proxy/", $file);
  system("cat", $file);
  unlink $file;
  exit($reply->{success} ? 0 : 1);`
const command = `perl -MHTTP::Tiny -e '${mirror}'`
export default fetching(inTwo(head, '4\r\nhalf\r\n0\r\n\r\n'), command, 'halfhalf')
