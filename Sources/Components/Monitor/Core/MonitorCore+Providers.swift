import JSON
import Model
import Platform

/// A provider, and when it is looked at next.
final class ProviderWatch {
    let name: String
    var state = ""
    var capabilities: Set<String> = []
    /// Steady times; `.max`: not by the clock.
    var list = Int64.max
    var capacity = Int64.max
    var catalog = Int64.max
    var health = Int64.max
    var renew = Int64.max
    var isAskingHealth = false
    var isRenewing = false
    /// The pause after a renewal that failed.
    var renewDelay: Int64 = 0
    /// When the credentials end, as the driver says.
    var until: Instant?

    init(_ name: String) {
        self.name = name
    }

    /// Calls reach the driver.
    var isUsable: Bool { ["ready", "degraded", "draining"].contains(state) }

    var next: Int64 { isUsable ? min(list, capacity, catalog, isAskingHealth ? .max : health, isRenewing ? .max : renew) : .max }
}

// Polling, and the renewal of credentials.
extension MonitorCore {
    func see(provider name: String, _ state: String, _ capabilities: [String]) {
        let provider = providers[name] ?? ProviderWatch(name)
        providers[name] = provider
        let wasUsable = provider.isUsable
        provider.state = state
        if !capabilities.isEmpty { provider.capabilities = Set(capabilities) }
        if state == "gone" {
            providers[name] = nil
            return
        }
        guard provider.isUsable, !wasUsable else { return }
        // The Scheduler has just asked a provider that came up for all but this.
        arm(provider)
        provider.health = now.steady
        hasChanged = true
        watchDue = min(watchDue, now.steady + 50)
    }

    /// Sets a provider's clocks, at most a period from now.
    func arm(_ provider: ProviderWatch) {
        let periods = settings.periods(of: provider.name)
        provider.list = now.steady + periods.list
        provider.capacity = now.steady + periods.capacity
        provider.catalog = provider.capabilities.contains("catalog") ? now.steady + periods.catalog : .max
        provider.health = now.steady + periods.health
        provider.renew = .max
        guard provider.capabilities.contains("renew") else { return }
        if let period = periods.renew { provider.renew = now.steady + period }
        armRenewal(provider)
    }

    func pollProviders() {
        for provider in providers.values.sorted(by: { $0.name < $1.name }) where provider.isUsable && provider.next <= now.steady {
            let periods = settings.periods(of: provider.name)
            var order: JSON = ["provider": JSON(provider.name)]
            func isDue(_ clock: inout Int64, _ period: Int64, _ name: String) {
                guard clock <= now.steady else { return }
                clock = now.steady + period
                order[name] = true
            }
            isDue(&provider.list, periods.list, "list")
            isDue(&provider.capacity, periods.capacity, "capacity")
            isDue(&provider.catalog, periods.catalog, "catalog")
            if order.object?.count ?? 0 > 1 { ask("scheduler.refresh", order, for: .told) }
            if provider.health <= now.steady, !provider.isAskingHealth {
                provider.health = now.steady + periods.health
                provider.isAskingHealth = true
                ask("driver.call", ["provider": JSON(provider.name), "call": "health"], for: .health(provider.name))
            }
            if provider.renew <= now.steady, !provider.isRenewing { renew(provider) }
        }
    }

    // MARK: credentials

    /// `health` may say when the credentials end: `{"credentials_until": "2026-01-01T00:00:00Z"}`.
    func healthSaid(_ provider: ProviderWatch, _ result: Result<JSON, BerthError>) {
        provider.isAskingHealth = false
        // A provider that does not answer is the supervisor's matter: it saw the same answer.
        guard case .success(let body) = result else { return }
        let until = body["document"]?["credentials_until"]?.string.flatMap(Instant.init)
        guard let until, provider.capabilities.contains("renew") else { return }
        guard until != provider.until || provider.renew == .max else { return }
        provider.until = until
        armRenewal(provider)
    }

    private func armRenewal(_ provider: ProviderWatch) {
        guard let until = provider.until else { return }
        let left = max(0, until - now.real)
        // Short ones are not renewed all the time: at two thirds of what is left.
        let pause = left - min(settings.renewBefore, left / 3)
        provider.renew = min(provider.renew, now.steady + max(pause, provider.renewDelay))
    }

    private func renew(_ provider: ProviderWatch) {
        provider.isRenewing = true
        provider.renew = .max
        ask(
            "driver.call", ["provider": JSON(provider.name), "call": "action", "id": "", "verb": "renew"], for: .renew(provider.name))
    }

    func renewed(_ provider: ProviderWatch, _ result: Result<JSON, BerthError>) {
        provider.isRenewing = false
        switch result {
        case .success:
            provider.renewDelay = 0
            provider.until = nil
            if let period = settings.periods(of: provider.name).renew { provider.renew = now.steady + period }
            // When the new ones end.
            provider.health = now.steady
            Log.info("credentials renewed", ["provider": provider.name])
        case .failure(let error):
            provider.renewDelay = min(max(provider.renewDelay * 2, 1_000), 60_000)
            provider.renew = now.steady + provider.renewDelay
            Log.warning("credentials are not renewed", ["provider": provider.name, "error": error.description])
        }
    }
}
