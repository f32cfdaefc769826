import Glibc
import JSON

// berth-bench TOPIC [--quick] [--long]: measures one topic and prints JSON.
let words = Array(CommandLine.arguments.dropFirst())
switch words.first {
case "planner": print(PlannerBenchmark.run(quick: words.contains("--quick")).pretty)
case "bus": print(BusBenchmark.run(quick: words.contains("--quick"), long: words.contains("--long")).pretty)
case "leases": print(LeasesBenchmark.run(quick: words.contains("--quick")).pretty)
case "ledger": print(LedgerBenchmark.run(quick: words.contains("--quick")).pretty)
case "openstack": print(OpenStackBenchmark.run(quick: words.contains("--quick")).pretty)
default:
    print("usage: berth-bench planner|bus|leases|ledger|openstack [--quick] [--long]")
    exit(2)
}
