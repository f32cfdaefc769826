import Glibc
import JSON

// berth-bench TOPIC [--quick]: measures one topic and prints JSON.
let words = Array(CommandLine.arguments.dropFirst())
switch words.first {
case "planner": print(PlannerBenchmark.run(quick: words.contains("--quick")).pretty)
default:
    print("usage: berth-bench planner [--quick]")
    exit(2)
}
