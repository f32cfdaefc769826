import Glibc
import JSON
import Platform

// berth-bench TOPIC [--quick] [--long]: measures one topic and prints JSON.
let words = Array(CommandLine.arguments.dropFirst())
let quick = words.contains("--quick")
Log.level = .error
switch words.first {
case "planner": print(PlannerBenchmark.run(quick: words.contains("--quick")).pretty)
case "bus": print(BusBenchmark.run(quick: words.contains("--quick"), long: words.contains("--long")).pretty)
case "leases": print(LeasesBenchmark.run(quick: words.contains("--quick")).pretty)
case "ledger": print(LedgerBenchmark.run(quick: words.contains("--quick")).pretty)
case "openstack": print(OpenStackBenchmark.run(quick: words.contains("--quick")).pretty)
case "ffi": print(try FFIBenchmark.run(quick: quick).pretty)
case "plugins": print(try PluginsBenchmark.run(quick: quick).pretty)
case "worker": print(try WorkerBenchmark.run(quick: quick).pretty)
default:
    print("usage: berth-bench bus|ffi|leases|ledger|openstack|planner|plugins|worker [--quick] [--long]")
    exit(2)
}
