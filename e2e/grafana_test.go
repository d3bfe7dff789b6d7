//go:build unix

package e2e

// The files that Grafana is provisioned with fit each other and the compose
// file; queries_test.go asks the dashboards' queries.

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const grafanaFiles = "deploy/grafana"

// dashboard is the part of its JSON that is checked here.
type dashboard struct {
	UID           string
	Title         string
	Description   string
	SchemaVersion int
	Panels        []panel
	Templating    struct{ List []variable }
}

type variable struct {
	Name, Type string
	Definition string
	Current    struct{ Value any }
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               source
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct {
		RefID, Expr string
		Datasource  source
	}
}

type source struct{ Type, UID string }

// dashboards reads them all, by file name.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(grafanaFiles, "dashboards", "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	all := map[string]dashboard{}
	for _, name := range names {
		var d dashboard
		if err := json.Unmarshal([]byte(contentOf(t, name)), &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[filepath.Base(name)] = d
	}
	return all
}

func TestDashboardsAreWhole(t *testing.T) {
	var provisioned struct {
		Datasources []struct{ UID, Type, URL string }
	}
	if err := yaml.Unmarshal([]byte(contentOf(t, filepath.Join(grafanaFiles, "provisioning/datasources/prometheus.yml"))), &provisioned); err != nil {
		t.Fatal(err)
	}
	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	if err := yaml.Unmarshal([]byte(contentOf(t, filepath.Join(grafanaFiles, "provisioning/dashboards/fullbore.yml"))), &providers); err != nil {
		t.Fatal(err)
	}
	compose := contentOf(t, "docker-compose.yml")
	if path := providers.Providers[0].Options.Path; !strings.Contains(compose, "./deploy/grafana/dashboards:"+path+":ro") {
		t.Errorf("docker-compose.yml does not mount the dashboards at %s", path)
	}
	uids := map[string]string{}
	for name, d := range dashboards(t) {
		if d.UID == "" || d.Title == "" || d.Description == "" || d.SchemaVersion < 39 {
			t.Errorf("%s: uid %q, title %q, description %q, schema %d", name, d.UID, d.Title, d.Description, d.SchemaVersion)
		}
		if other, taken := uids[d.UID]; taken {
			t.Errorf("%s and %s have the uid %s", name, other, d.UID)
		}
		uids[d.UID] = name
		if v := d.Templating.List[0]; v.Type != "datasource" || v.Name != "datasource" || v.Current.Value != provisioned.Datasources[0].UID {
			t.Errorf("%s: the data source is %v, provisioned is %q", name, v, provisioned.Datasources[0].UID)
		}
		d.check(t, name)
	}
}

// check finds panels that say nothing, or lie on each other.
func (d dashboard) check(t *testing.T, name string) {
	t.Helper()
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: two panels have the id %d", name, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Errorf("%s: %q lies on %q, or outside", name, p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("%s: panel %q wants a title, a description, a unit and queries", name, p.Title)
		}
		for _, target := range p.Targets {
			if want := (source{"prometheus", "${datasource}"}); p.Datasource != want || target.Datasource != want {
				t.Errorf("%s: %q asks %v", name, p.Title, target.Datasource)
			}
		}
	}
}
