# A client of warm.pl in each way of ending.
use strict;
use warnings;
use Cwd;
use Warmed;

$| = 1;
my $late = '';
END { print $late }

my %ways = (
    show => sub {
        my $loaded = $Warmed::pid == getppid ? 'before' : 'after';
        my $input = join '', <STDIN>;
        print join('|', "@ARGV", getcwd, $ENV{HOME}, $input, $loaded), "\n";
        print STDERR "an error\n";
        exit 3;
    },
    bytes => sub { binmode STDOUT; print "\0\xff\n" },
    end => sub { $late = "at the end\n"; print "in time\n" },
    kill => sub { kill TERM => $$; sleep 1 },
    fail => sub { die "a wrong value\n" },
    hang => sub {
        my $child = fork // die "fork: $!\n";
        exec 'sleep', '1000' if $child == 0;
        print "$child\n";
        waitpid $child, 0;
    },
);
$ways{ $ARGV[0] }->();
