# A client of warm.rb in each way of ending.
require "warmed"

WAYS = {
  "show" => lambda do
    loaded = Warmed::PID == Process.ppid ? "before" : "after"
    puts [ARGV.join(" "), Dir.pwd, ENV["HOME"], $stdin.read, loaded].join("|")
    warn "an error"
    exit 3
  end,
  "bytes" => -> { $stdout.binmode.write("\0\xff\n".b) },
  "end" => lambda do
    at_exit { puts "at the end" }
    puts "in time"
  end,
  "kill" => -> { Process.kill("TERM", Process.pid) && sleep(1) },
  "fail" => -> { raise ArgumentError, "a wrong value" },
  "hang" => lambda do
    child = spawn("sleep", "1000")
    puts child
    $stdout.flush
    Process.wait(child)
  end,
}.freeze
WAYS.fetch(ARGV[0]).call if __FILE__ == $0
