/// The version of this program, as `berth version`, `host.info` and drivers see it.
public let berthVersion = "0.1.0"
